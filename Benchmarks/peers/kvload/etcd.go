package main

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/etcd/clientv3"
)

// etcdClient is etcd's own client, with its defaults.
type etcdClient struct{ inner *clientv3.Client }

func connectEtcd(s settings, endpoints []string) (client, error) {
	inner, err := etcdFor(s, endpoints)
	if err != nil {
		return nil, err
	}
	return etcdClient{inner}, nil
}

func etcdFor(s settings, endpoints []string) (*clientv3.Client, error) {
	secrets, err := configurationOfTLS(s)
	if err != nil {
		return nil, err
	}
	return clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second, TLS: secrets})
}

func (c etcdClient) create(key, value string) error { return c.put(key, value, 0) }

func (c etcdClient) put(key, value string, timeout time.Duration) error {
	scope := context.Background()
	if timeout > 0 {
		var cancel context.CancelFunc
		scope, cancel = context.WithTimeout(scope, timeout)
		defer cancel()
	}
	_, err := c.inner.Put(scope, key, value)
	return err
}

func (c etcdClient) get(key string) error {
	reply, err := c.inner.Get(context.Background(), key)
	if err == nil && len(reply.Kvs) != 1 {
		return fmt.Errorf("%s is not there", key)
	}
	return err
}

func (c etcdClient) list(prefix string) (int, error) {
	reply, err := c.inner.Get(context.Background(), prefix, clientv3.WithPrefix())
	if err != nil {
		return 0, err
	}
	return len(reply.Kvs), nil
}

func (c etcdClient) batch(keys, values []string) error {
	puts := make([]clientv3.Op, len(keys))
	for i, key := range keys {
		puts[i] = clientv3.OpPut(key, values[i])
	}
	_, err := c.inner.Txn(context.Background()).Then(puts...).Commit()
	return err
}

// etcdLeader is the number of the node that leads, or 0 if not all say the same.
func etcdLeader(s settings) int {
	leader, leads := uint64(0), 0
	for number, endpoint := range s.endpoints {
		inner, err := etcdFor(s, []string{endpoint})
		if err != nil {
			return 0
		}
		scope, cancel := context.WithTimeout(context.Background(), time.Second)
		status, err := inner.Status(scope, endpoint)
		cancel()
		inner.Close()
		if err != nil || status.Leader == 0 || (leader != 0 && status.Leader != leader) {
			return 0
		}
		leader = status.Leader
		if status.Header.MemberId == leader {
			leads = number + 1
		}
	}
	return leads
}
