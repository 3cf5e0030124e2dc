<!doctype html>
<title>Greeting</title>
<p>Hello {{name}}!</p>
