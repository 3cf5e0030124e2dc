// Package serve is what every model shares around its loop: the command line, the listening
// socket, the start of Python, and the signals that end it. The command binds first and then
// becomes python3, which imports the application and loads the same program as a shared object.
// It never parses HTTP and never calls the application.
package serve
