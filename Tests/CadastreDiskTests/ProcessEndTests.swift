import CadastreDisk
import Testing

/// The end of a process alone is not that of its machine.
struct ProcessEndTests {
    private func written(_ disk: SimulatedDisk) throws -> any DiskFile {
        try disk.createDirectory("/d")
        let file = try disk.open("/d/a", mode: .create)
        try file.write(at: 0, [1, 2, 3])
        return file
    }

    private func bytes(_ disk: SimulatedDisk) throws -> [UInt8] {
        let file = try disk.open("/d/a", mode: .readWrite)
        return try file.read(at: 0, count: 3)
    }

    @Test
    func `what was written and not synced is there for the next process`() throws {
        for seed: UInt64 in 1...8 {
            let disk = SimulatedDisk(seed: seed)
            let file = try written(disk)
            let lock = try disk.lock("/d/lock")
            disk.endProcess()
            #expect(disk.isCrashed && disk.end == .process)
            #expect(throws: DiskError.self) { try file.sync() }
            #expect(throws: DiskError.self) { try disk.exists("/d") }
            disk.restart()
            #expect(throws: DiskError.self) { try file.sync() }
            #expect(try bytes(disk) == [1, 2, 3])
            // The lock of a process that is gone is free, and letting it go frees no other's.
            let next = try disk.lock("/d/lock")
            lock.release()
            #expect(throws: DiskError.self) { _ = try disk.lock("/d/lock") }
            next.release()
        }
    }

    @Test
    func `a crash later loses it as it would have before`() throws {
        var lost = 0
        for seed: UInt64 in 1...16 {
            let disk = SimulatedDisk(seed: seed)
            _ = try written(disk)
            disk.endProcess()
            disk.crash()
            #expect(disk.end == .machine)
            disk.restart()
            if try !disk.exists("/d/a") { lost += 1 }
        }
        #expect((1..<16).contains(lost))
    }

    @Test
    func `the next process makes durable what the one before wrote`() throws {
        for seed: UInt64 in 1...8 {
            let disk = SimulatedDisk(seed: seed)
            _ = try written(disk)
            disk.endProcess()
            disk.restart()
            try disk.open("/d/a", mode: .readWrite).sync()
            try disk.syncDirectory("/d")
            disk.crash()
            disk.restart()
            #expect(try bytes(disk) == [1, 2, 3])
        }
    }

    @Test
    func `a process may end inside a call, which loses nothing that was written`() throws {
        let disk = SimulatedDisk(seed: 3)
        let file = try written(disk)
        disk.endProcess(atOperation: 1)
        #expect(throws: DiskError.self) { try file.sync() }
        #expect(disk.end == .process)
        disk.restart()
        #expect(try bytes(disk) == [1, 2, 3])
    }

    @Test
    func `faults that have come are counted`() throws {
        let disk = SimulatedDisk(seed: 1)
        let file = try written(disk)
        disk.fail(.sync, nth: 2)
        try file.sync()
        #expect(disk.failures.isEmpty)
        #expect(throws: DiskError.self) { try file.sync() }
        #expect(disk.failures == [.sync])
    }
}
