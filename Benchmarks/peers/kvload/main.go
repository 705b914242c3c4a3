// kvload loads etcd and ZooKeeper for `compare` and puts its measurements together:
//
//	kvload fill | put | get | list | batch  [flags]   a closed loop of clients; one line of JSON
//	kvload failover [flags]                           kill -9 of a process under load; one line of JSON
//	kvload leader [flags]                             the number of the node that leads, when all follow it
//	kvload sync FOLDER                                what a synced write of 4 KiB costs there
//	kvload table META [-json] <RESULTS                the table of ratios
//
// Every client has exactly one request on its way. Every run is bounded in time.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// settings is what the flags say.
type settings struct {
	system      string
	endpoints   []string
	clients     int
	connections int
	seconds     float64
	warmUp      float64
	keys        int
	order       string
	hot         int
	valueSize   int
	batch       int
	roots       string
	certificate string
	key         string
	processes   string
	kill        int
	plain       []string
}

func parse(verb string, arguments []string) settings {
	var s settings
	var endpoints, plain string
	flags := flag.NewFlagSet("kvload "+verb, flag.ExitOnError)
	flags.StringVar(&s.system, "system", "etcd", "etcd or zookeeper")
	flags.StringVar(&endpoints, "endpoints", "", "where it listens, with commas; connections take turns")
	flags.IntVar(&s.clients, "clients", 1, "requests on their way at a time")
	flags.IntVar(&s.connections, "connections", 1, "connections that they share")
	flags.Float64Var(&s.seconds, "seconds", 5, "how long to measure")
	flags.Float64Var(&s.warmUp, "warm-up", 1, "how long to run before that")
	flags.IntVar(&s.keys, "keys", 100000, "how many keys there are")
	flags.StringVar(&s.order, "order", "random", "random, sequential, or hot: random over few")
	flags.IntVar(&s.hot, "hot", 1000, "how many those few are")
	flags.IntVar(&s.valueSize, "value-size", 256, "bytes of a value")
	flags.IntVar(&s.batch, "batch", 100, "puts in a batch")
	flags.StringVar(&s.roots, "roots", "", "PEM file of the authority")
	flags.StringVar(&s.certificate, "certificate", "", "PEM file")
	flags.StringVar(&s.key, "key", "", "PEM file")
	flags.StringVar(&s.processes, "processes", "", "servers whose processor time is counted, with commas")
	flags.IntVar(&s.kill, "kill", 0, "the process that failover kills")
	flags.StringVar(&plain, "plain", "", "where ZooKeeper tells who leads, with commas")
	flags.Parse(arguments)
	s.endpoints = strings.Split(endpoints, ",")
	s.plain = strings.Split(plain, ",")
	if s.seconds+s.warmUp > 600 || s.clients > 4096 || s.keys > 20000000 {
		fail("that is more than kvload does at a time")
	}
	return s
}

func fail(words ...interface{}) {
	fmt.Fprintln(os.Stderr, append([]interface{}{"kvload:"}, words...)...)
	os.Exit(1)
}

func print(value interface{}) {
	line, err := json.Marshal(value)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

func seconds(count float64) time.Duration { return time.Duration(count * float64(time.Second)) }

func main() {
	if len(os.Args) < 2 {
		fail("say what to do: fill, put, get, list, batch, failover, leader, sync, table")
	}
	verb, rest := os.Args[1], os.Args[2:]
	switch verb {
	case "fill", "put", "get", "list", "batch":
		load(verb, parse(verb, rest))
	case "failover":
		failover(parse(verb, rest))
	case "leader":
		leader(parse(verb, rest))
	case "sync":
		if len(rest) != 1 {
			fail("sync takes a folder")
		}
		syncCost(rest[0])
	case "table":
		if len(rest) < 1 {
			fail("table takes the file that says what was compared")
		}
		table(rest[0], len(rest) > 1 && rest[1] == "-json")
	default:
		fail("there is no", verb)
	}
}
