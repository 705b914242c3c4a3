package main

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Operations of ZooKeeper's protocol, as in its `ZooDefs.OpCode`.
const (
	opCreate      = 1
	opGetData     = 4
	opSetData     = 5
	opGetChildren = 8
	opSync        = 9
	opMulti       = 14
)

const anyVersion = 0xffffffff

// session is one connection: requests follow each other without waiting, replies come in their order.
type session struct {
	connection net.Conn
	lock       sync.Mutex
	broken     error
	number     uint32
	waiting    chan chan reply
	outgoing   chan []byte
}

type reply struct {
	code int32
	body []byte
	err  error
}

func openSession(s settings, endpoint string, timeout time.Duration) (*session, error) {
	secrets, err := configurationOfTLS(s)
	if err != nil {
		return nil, err
	}
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: timeout}, "tcp", endpoint, secrets)
	if err != nil {
		return nil, err
	}
	// Protocol version, last transaction seen, timeout in ms, session, password, read-only.
	hello := make([]byte, 4, 64)
	hello = binary.BigEndian.AppendUint32(hello, 0)
	hello = binary.BigEndian.AppendUint64(hello, 0)
	hello = binary.BigEndian.AppendUint32(hello, 30000)
	hello = binary.BigEndian.AppendUint64(hello, 0)
	hello = binary.BigEndian.AppendUint32(hello, 16)
	hello = append(hello, make([]byte, 17)...)
	binary.BigEndian.PutUint32(hello, uint32(len(hello)-4))
	connection.SetDeadline(time.Now().Add(timeout))
	incoming := bufio.NewReaderSize(connection, 65536)
	if _, err = connection.Write(hello); err == nil {
		_, err = frame(incoming)
	}
	if err != nil {
		connection.Close()
		return nil, err
	}
	connection.SetDeadline(time.Time{})
	opened := &session{
		connection: connection,
		// More than clients can have on their way: no sender ever waits for room with the lock.
		waiting:  make(chan chan reply, 16384),
		outgoing: make(chan []byte, 16384),
	}
	go opened.write()
	go opened.read(incoming)
	return opened, nil
}

func (z *session) write() { // what is queued goes out together
	writer := bufio.NewWriterSize(z.connection, 65536)
	for message := range z.outgoing {
		writer.Write(message)
		for len(z.outgoing) > 0 {
			writer.Write(<-z.outgoing)
		}
		if writer.Flush() != nil {
			// The reader notices, and closes the queue.
			z.connection.Close()
		}
	}
}

func (z *session) read(incoming *bufio.Reader) {
	for {
		answer, err := frame(incoming)
		if err == nil && len(answer) < 16 {
			err = fmt.Errorf("a reply of %d bytes", len(answer))
		}
		if err != nil {
			z.end(err)
			return
		}
		if int32(binary.BigEndian.Uint32(answer)) < 0 {
			continue // the news of a watch, or a ping
		}
		(<-z.waiting) <- reply{code: int32(binary.BigEndian.Uint32(answer[12:])), body: answer[16:]}
	}
}

func (z *session) end(err error) { // everybody who waits is told
	z.connection.Close()
	z.lock.Lock()
	defer z.lock.Unlock()
	z.broken = err
	close(z.outgoing)
	for len(z.waiting) > 0 {
		(<-z.waiting) <- reply{err: err}
	}
}

func (z *session) isBroken() bool {
	z.lock.Lock()
	defer z.lock.Unlock()
	return z.broken != nil
}

func (z *session) send(operation uint32, body []byte) chan reply {
	answer := make(chan reply, 1)
	message := make([]byte, 12, 12+len(body))
	message = append(message, body...)
	binary.BigEndian.PutUint32(message, uint32(len(message)-4))
	binary.BigEndian.PutUint32(message[8:], operation)
	z.lock.Lock()
	defer z.lock.Unlock()
	if z.broken != nil {
		answer <- reply{err: z.broken}
		return answer
	}
	z.number++
	binary.BigEndian.PutUint32(message[4:], z.number)
	z.waiting <- answer
	z.outgoing <- message
	return answer
}

func frame(incoming *bufio.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(incoming, size[:]); err != nil {
		return nil, err
	}
	count := binary.BigEndian.Uint32(size[:])
	if count > 64<<20 {
		return nil, fmt.Errorf("a frame of %d bytes", count)
	}
	body := make([]byte, count)
	_, err := io.ReadFull(incoming, body)
	return body, err
}

func result(answer reply) ([]byte, error) {
	if answer.err != nil {
		return nil, answer.err
	}
	if answer.code != 0 {
		return nil, fmt.Errorf("ZooKeeper answers with code %d", answer.code)
	}
	return answer.body, nil
}

// zookeeperClient has a session, and opens another one when it is gone.
type zookeeperClient struct {
	settings  settings
	endpoints []string
	lock      sync.Mutex
	dialing   sync.Mutex
	current   *session
	turn      int
	notBefore time.Time
}

func connectZooKeeper(s settings, endpoints []string) (client, error) {
	made := &zookeeperClient{settings: s, endpoints: endpoints}
	_, err := made.session(10 * time.Second)
	return made, err
}

var errDialing = errors.New("there is no session at the moment")

func (c *zookeeperClient) session(timeout time.Duration) (*session, error) {
	c.lock.Lock()
	current := c.current
	c.lock.Unlock()
	if current != nil && !current.isBroken() {
		return current, nil
	}
	// One of the workers dials; the others try again later.
	if !c.dialing.TryLock() {
		return nil, errDialing
	}
	defer c.dialing.Unlock()
	// Servers that elect a leader close what is opened; a storm of handshakes would slow them down.
	if time.Now().Before(c.notBefore) {
		return nil, errDialing
	}
	c.notBefore = time.Now().Add(50 * time.Millisecond)
	endpoint := c.endpoints[c.turn%len(c.endpoints)]
	c.turn++
	opened, err := openSession(c.settings, endpoint, timeout)
	if err != nil {
		return nil, err
	}
	c.lock.Lock()
	c.current = opened
	c.lock.Unlock()
	return opened, nil
}

func text(body []byte, word string) []byte {
	return append(binary.BigEndian.AppendUint32(body, uint32(len(word))), word...)
}

func setData(key, value string) []byte {
	body := text(text(make([]byte, 0, len(key)+len(value)+12), key), value)
	return binary.BigEndian.AppendUint32(body, anyVersion)
}

func (c *zookeeperClient) create(key, value string) error {
	z, err := c.session(10 * time.Second)
	if err != nil {
		return err
	}
	body := text(text(nil, key), value)
	// One entry in the access list: everything, for anyone; then no flags.
	body = binary.BigEndian.AppendUint32(body, 1)
	body = binary.BigEndian.AppendUint32(body, 31)
	body = text(text(body, "world"), "anyone")
	_, err = result(<-z.send(opCreate, binary.BigEndian.AppendUint32(body, 0)))
	return err
}

func (c *zookeeperClient) put(key, value string, timeout time.Duration) error {
	if timeout == 0 {
		z, err := c.session(10 * time.Second)
		if err != nil {
			return err
		}
		_, err = result(<-z.send(opSetData, setData(key, value)))
		return err
	}
	z, err := c.session(timeout)
	if err != nil {
		return err
	}
	select {
	case answer := <-z.send(opSetData, setData(key, value)):
		_, err = result(answer)
		return err
	case <-time.After(timeout):
		// A session that is silent this long is given up, as clients do.
		z.connection.Close()
		return errors.New("no answer in time")
	}
}

// get is sync and getData, one behind the other on the same session.
func (c *zookeeperClient) get(key string) error {
	z, err := c.session(10 * time.Second)
	if err != nil {
		return err
	}
	synced := z.send(opSync, text(nil, key))
	answer := z.send(opGetData, append(text(nil, key), 0))
	if _, err = result(<-synced); err != nil {
		<-answer
		return err
	}
	_, err = result(<-answer)
	return err
}

// list gets names only: ZooKeeper gives no values with them.
func (c *zookeeperClient) list(prefix string) (int, error) {
	z, err := c.session(10 * time.Second)
	if err != nil {
		return 0, err
	}
	body, err := result(<-z.send(opGetChildren, append(text(nil, strings.TrimSuffix(prefix, "/")), 0)))
	if err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint32(body)), nil
}

func (c *zookeeperClient) batch(keys, values []string) error {
	z, err := c.session(10 * time.Second)
	if err != nil {
		return err
	}
	var body []byte
	header := func(operation uint32, isLast byte) {
		body = binary.BigEndian.AppendUint32(body, operation)
		body = append(body, isLast)
		body = binary.BigEndian.AppendUint32(body, 0xffffffff)
	}
	for i, key := range keys {
		header(opSetData, 0)
		body = append(body, setData(key, values[i])...)
	}
	header(0xffffffff, 1)
	_, err = result(<-z.send(opMulti, body))
	return err
}

// zookeeperLeader is the number of the node that leads, or 0 if the others do not follow.
func zookeeperLeader(s settings) int {
	leads := 0
	for number, endpoint := range s.plain {
		connection, err := net.DialTimeout("tcp", endpoint, time.Second)
		if err != nil {
			return 0
		}
		connection.SetDeadline(time.Now().Add(time.Second))
		connection.Write([]byte("srvr"))
		words, _ := io.ReadAll(connection)
		connection.Close()
		switch {
		case strings.Contains(string(words), "Mode: leader"):
			leads = number + 1
		case !strings.Contains(string(words), "Mode: follower"):
			return 0
		}
	}
	return leads
}
