// Command 1-socket says hello to whatever it is sent: all that it takes to be seen by a browser.
package main

import (
	"fmt"
	"log"
	"net"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:8888")
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		request := make([]byte, 1024)
		n, _ := client.Read(request)
		fmt.Printf("%s", request[:n])
		fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\nHello, World!\n")
		client.Close()
	}
}
