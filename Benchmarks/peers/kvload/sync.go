package main

import (
	"os"
	"path/filepath"
	"sort"
	"syscall"
	"time"
)

// syncCost measures write and fdatasync of 4 KiB behind each other, as a log does it.
func syncCost(folder string) {
	file, err := os.Create(filepath.Join(folder, "sync-cost"))
	if err != nil {
		fail(err)
	}
	defer os.Remove(file.Name())
	block := make([]byte, 4096)
	var took []float64
	for i := 0; i < 500; i++ {
		begin := time.Now()
		if _, err = file.WriteAt(block, int64(i%256)*4096); err == nil {
			err = syscall.Fdatasync(int(file.Fd()))
		}
		if err != nil {
			fail(err)
		}
		took = append(took, float64(time.Since(begin).Microseconds())/1000)
	}
	sort.Float64s(took)
	print(map[string]float64{"p50_ms": took[250], "p99_ms": took[495]})
}
