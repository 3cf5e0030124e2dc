package image

import "testing"

func TestMirrorIsTheOneThatAptUses(t *testing.T) {
	for _, test := range []struct{ name, targets, want string }{
		{"the archive, not its security updates", "Debian|Debian-Security|http://deb.example/debian-security/\nDebian|Debian|http://deb.example/debian/\n", "http://deb.example/debian"},
		{"not somebody else's", "Elsewhere|Elsewhere|https://elsewhere.example/\nDebian|Debian|https://deb.example/debian\n", "https://deb.example/debian"},
		{"not a disc", "Debian|Debian|cdrom://trixie\n", defaultMirror},
		{"nothing known", "", defaultMirror},
	} {
		if got := mirrorIn(test.targets); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}
