// get makes a verified request: get [-connect-to ADDRESS:PORT] [-alpn http/1.1] policy.yaml https://HOST/
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/uptls/uptls/examples/go/uptls"
)

func main() {
	connectTo := flag.String("connect-to", "", "where the socket goes, `ADDRESS:PORT`")
	alpn := flag.String("alpn", "", "what is offered of the policy's protocols, `h2,http/1.1`")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: get [-connect-to ADDRESS:PORT] [-alpn LIST] policy.yaml URL")
		os.Exit(2)
	}
	err := get(flag.Arg(0), flag.Arg(1), *connectTo, *alpn)
	var refusal *uptls.Error
	if errors.As(err, &refusal) {
		fmt.Fprintf(os.Stderr, "%s: %s\nhint: %s\n", refusal.Code, refusal.Message, refusal.Hint)
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func get(path, url, connectTo, alpn string) error {
	rt, err := uptls.NewRuntime()
	if err != nil {
		return err
	}
	policy, err := rt.LoadPolicy(path)
	if err != nil {
		return err
	}
	connector, err := uptls.NewConnector(policy)
	if err != nil {
		return err
	}
	dialer := &uptls.Dialer{Connector: connector, Address: connectTo}
	if alpn != "" {
		dialer.ALPN = strings.Split(alpn, ",")
	}
	client := http.Client{Transport: dialer.Transport()}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	fmt.Println(response.Proto, response.Status)
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}
