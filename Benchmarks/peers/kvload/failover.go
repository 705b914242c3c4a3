package main

import (
	"sync"
	"syscall"
	"time"
)

// acknowledgements keeps the longest time without one that ended after the kill.
type acknowledgements struct {
	lock    sync.Mutex
	count   int
	last    time.Time
	killed  time.Time
	longest time.Duration
}

func (a *acknowledgements) add() {
	a.lock.Lock()
	defer a.lock.Unlock()
	now := time.Now()
	if gap := now.Sub(a.last); !a.killed.IsZero() && gap > a.longest {
		a.longest = gap
	}
	a.last = now
	a.count++
}

// failover kills a process under a closed loop of clients. So that no client's patience decides, single
// writes go to every node all ten milliseconds as well: the first that is acknowledged ends the gap.
func failover(s settings) {
	const patience = time.Second
	keys, values := allKeys(s.keys), someValues(s.valueSize)
	connections := connectAll(s, func(i int) []string {
		turned := append([]string{}, s.endpoints[i%len(s.endpoints):]...)
		return append(turned, s.endpoints[:i%len(s.endpoints)]...)
	})
	var seen acknowledgements
	stop := make(chan bool)
	stopped := func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	for i := 0; i < s.clients; i++ {
		go func(i int) {
			c := connections[i%len(connections)]
			for turn := i; !stopped(); turn += s.clients {
				if c.put(keys[turn*7919%len(keys)], values[turn%len(values)], patience) == nil {
					seen.add()
				} else {
					time.Sleep(5 * time.Millisecond)
				}
			}
		}(i)
	}
	for i, endpoint := range s.endpoints {
		c, err := connect(s, []string{endpoint})
		if err != nil {
			fail("no connection:", err)
		}
		go func(i int) {
			// So many may be on their way to one node.
			room := make(chan bool, 100)
			for !stopped() {
				time.Sleep(10 * time.Millisecond)
				select {
				case room <- true:
				default:
					continue
				}
				go func() {
					if c.put(keys[i], values[i], patience) == nil {
						seen.add()
					}
					<-room
				}()
			}
		}(i)
	}
	time.Sleep(seconds(s.warmUp))
	seen.lock.Lock()
	before := seen.count
	if before == 0 {
		fail("nothing was acknowledged before the kill")
	}
	seen.killed = time.Now()
	err := syscall.Kill(s.kill, syscall.SIGKILL)
	seen.lock.Unlock()
	if err != nil {
		fail("the leader cannot be killed:", err)
	}
	// Until writes have gone on for a while.
	end := seen.killed.Add(30 * time.Second)
	for {
		time.Sleep(50 * time.Millisecond)
		seen.lock.Lock()
		now, count := time.Now(), seen.count
		goesOn := now.Sub(seen.killed) > seconds(s.seconds) && now.Sub(seen.last) < patience && count > before
		gap := seen.longest
		seen.lock.Unlock()
		if goesOn {
			close(stop)
			print(map[string]interface{}{"gap_ms": gap.Milliseconds(), "acknowledged_before": before,
				"acknowledged_after": count - before})
			return
		}
		if now.After(end) {
			fail("no write is acknowledged 30 s after the kill")
		}
	}
}
