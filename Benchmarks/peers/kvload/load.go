package main

import (
	"fmt"
	"math"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// measurement is the line that a run ends with; its keys are those of `cadastre bench --json`.
type measurement struct {
	Operations  int     `json:"operations"`
	Seconds     float64 `json:"seconds"`
	Rate        float64 `json:"operations_per_second"`
	Records     float64 `json:"records_per_second,omitempty"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	P999        float64 `json:"p999_ms"`
	Max         float64 `json:"max_ms"`
	ServerCPU   float64 `json:"cpu_ms_per_1000_operations"`
	ClientCPU   float64 `json:"client_cpu_ms_per_1000_operations"`
	Failed      int64   `json:"failed"`
	FirstReason string  `json:"first_reason,omitempty"`
}

const (
	warming = iota
	measuring
	ending
)

// leader waits until one node leads and all follow it, and prints its number.
func leader(s settings) {
	end := time.Now().Add(seconds(s.seconds))
	for time.Now().Before(end) {
		number := 0
		if s.system == "etcd" {
			number = etcdLeader(s)
		} else {
			number = zookeeperLeader(s)
		}
		if number != 0 {
			fmt.Println(number)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	fail("no node of", s.system, "leads after", s.seconds, "s")
}

// processorTime of processes, in seconds; the kernel counts in hundredths.
func processorTime(processes string) float64 {
	ticks := 0.0
	for _, process := range strings.Split(processes, ",") {
		bytes, err := os.ReadFile("/proc/" + process + "/stat")
		if err != nil {
			continue
		}
		line := string(bytes)
		fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
		for _, place := range []int{11, 12} {
			value, _ := strconv.ParseFloat(fields[place], 64)
			ticks += value
		}
	}
	return ticks / 100
}

func connectAll(s settings, endpoints func(int) []string) []client {
	connections := make([]client, s.connections)
	for i := range connections {
		made, err := connect(s, endpoints(i))
		if err != nil {
			fail("no connection:", err)
		}
		connections[i] = made
	}
	return connections
}

// operation does one request of a verb; its number says where it is in the order.
func operation(verb string, s settings, c client, keys, values []string, random *rand.Rand) func(int64) error {
	place := func(number int64) int {
		switch s.order {
		case "sequential":
			return int(number % int64(len(keys)))
		case "hot":
			return random.Intn(s.hot)
		}
		return random.Intn(len(keys))
	}
	value := func() string { return values[random.Intn(len(values))] }
	switch verb {
	case "fill":
		return func(number int64) error { return c.create(keys[number], value()) }
	case "put":
		return func(number int64) error { return c.put(keys[place(number)], value(), 0) }
	case "get":
		return func(number int64) error { return c.get(keys[place(number)]) }
	case "list":
		return func(number int64) error {
			count, err := c.list(prefix(random.Intn(len(keys) / 1000)))
			if err == nil && count != 1000 {
				return fmt.Errorf("%d keys are listed, not 1000", count)
			}
			return err
		}
	case "batch":
		return func(number int64) error {
			first := random.Intn(len(keys) - s.batch)
			all := make([]string, s.batch)
			for i := range all {
				all[i] = value()
			}
			return c.batch(keys[first:first+s.batch], all)
		}
	}
	fail("there is no", verb)
	return nil
}

// load runs a closed loop, for a time or, to fill, until every key is there.
func load(verb string, s settings) {
	keys, values := allKeys(s.keys), someValues(s.valueSize)
	connections := connectAll(s, func(i int) []string {
		return []string{s.endpoints[i%len(s.endpoints)]}
	})
	limit, phase := int64(math.MaxInt64), int32(warming)
	if verb == "fill" {
		limit, phase = int64(s.keys), measuring
		if s.system == "zookeeper" {
			// Its keys are a tree, whose branches must be there first.
			connections[0].create("/tenant-0001", "")
			for i := 0; i <= s.keys/1000; i++ {
				connections[0].create(strings.TrimSuffix(prefix(i), "/"), "")
			}
		}
	}
	var number, failed int64
	var firstReason atomic.Value
	latencies := make([][]uint32, s.clients)
	var workers sync.WaitGroup
	for i := 0; i < s.clients; i++ {
		workers.Add(1)
		go func(i int) {
			defer workers.Done()
			random := rand.New(rand.NewSource(int64(i)*7919 + time.Now().UnixNano()))
			do := operation(verb, s, connections[i%len(connections)], keys, values, random)
			mine := make([]uint32, 0, 4096)
			for atomic.LoadInt32(&phase) != ending {
				next := atomic.AddInt64(&number, 1) - 1
				if next >= limit {
					break
				}
				begin := time.Now()
				err := do(next)
				took := time.Since(begin)
				if err != nil {
					firstReason.CompareAndSwap(nil, err.Error())
					// What cannot succeed must not spin.
					if atomic.AddInt64(&failed, 1) > 20000 {
						break
					}
					time.Sleep(time.Millisecond)
					continue
				}
				// What ends while it is measured counts, whenever it began.
				if atomic.LoadInt32(&phase) == measuring {
					mine = append(mine, uint32(took.Microseconds()))
				}
			}
			latencies[i] = mine
		}(i)
	}
	if verb != "fill" {
		time.Sleep(seconds(s.warmUp))
	}
	self := strconv.Itoa(os.Getpid())
	server, own, begin := processorTime(s.processes), processorTime(self), time.Now()
	if verb == "fill" {
		workers.Wait()
	} else {
		atomic.StoreInt32(&phase, measuring)
		time.Sleep(seconds(s.seconds))
		atomic.StoreInt32(&phase, ending)
	}
	took := time.Since(begin).Seconds()
	server, own = processorTime(s.processes)-server, processorTime(self)-own
	ended := make(chan bool)
	go func() { workers.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		fail("the clients did not end within 20 s")
	}
	var all []uint32
	for _, some := range latencies {
		all = append(all, some...)
	}
	reason, _ := firstReason.Load().(string)
	if len(all) == 0 {
		fail("nothing was done:", reason)
	}
	if verb == "fill" && failed > 0 {
		fail(failed, "keys could not be put:", reason)
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	at := func(share float64) float64 {
		place := int(share * float64(len(all)))
		if place >= len(all) {
			place = len(all) - 1
		}
		return float64(all[place]) / 1000
	}
	count := float64(len(all))
	line := measurement{
		Operations: len(all), Seconds: rounded(took), Rate: rounded(count / took),
		P50: at(.5), P99: at(.99), P999: at(.999), Max: at(1),
		ServerCPU: rounded(server / count * 1e6), ClientCPU: rounded(own / count * 1e6),
		Failed: failed, FirstReason: reason,
	}
	if verb == "batch" {
		line.Records = rounded(line.Rate * float64(s.batch))
	}
	print(line)
}

func rounded(value float64) float64 { return math.Round(value*1000) / 1000 }
