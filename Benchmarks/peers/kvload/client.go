package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand"
	"os"
	"time"
)

// client is one connection to a system, shared by many workers.
type client interface {
	// create puts a key that is not there yet.
	create(key, value string) error
	// put overwrites a key; zero is no timeout.
	put(key, value string, timeout time.Duration) error
	// get is a linearizable read.
	get(key string) error
	// list says how many keys a prefix of 1,000 has.
	list(prefix string) (int, error)
	// batch overwrites all keys or none.
	batch(keys, values []string) error
}

// connect opens one connection; with several endpoints it goes on with another when one is gone.
func connect(s settings, endpoints []string) (client, error) {
	switch s.system {
	case "etcd":
		return connectEtcd(s, endpoints)
	case "zookeeper":
		return connectZooKeeper(s, endpoints)
	}
	return nil, fmt.Errorf("there is no system %s", s.system)
}

func configurationOfTLS(s settings) (*tls.Config, error) {
	pem, err := os.ReadFile(s.roots)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(s.certificate, s.key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}, nil
}

// prefix is that of 1,000 keys.
func prefix(place int) string { return fmt.Sprintf("/tenant-0001/bucket-%05d/", place) }

// keyAt is the key of a place, 64 bytes; places in order are keys in order.
func keyAt(place int) string {
	mixed := uint64(place)*0x9E3779B97F4A7C15 + 0x1234567
	more := mixed*0xBF58476D1CE4E5B9 ^ (mixed >> 29)
	key := fmt.Sprintf("%sobj-%06d-%016x%016x", prefix(place/1000), place, mixed, more)
	return key[:64]
}

func allKeys(count int) []string {
	keys := make([]string, count)
	for place := range keys {
		keys[place] = keyAt(place)
	}
	return keys
}

// someValues are as random as base 64 is, and made before the clock runs.
func someValues(size int) []string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
	random := rand.New(rand.NewSource(42))
	values := make([]string, 256)
	for i := range values {
		value := make([]byte, size)
		for j := range value {
			value[j] = letters[random.Intn(64)]
		}
		values[i] = string(value)
	}
	return values
}
