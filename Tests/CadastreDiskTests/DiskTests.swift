import Glibc
import Testing

@testable import CadastreDisk

/// The contract on the disk of this machine, and what only that one does.
struct PosixDiskTests {
    @Test(arguments: DiskContract.cases.indices)
    func `the disk of this machine keeps the contract`(number: Int) throws {
        try withDirectory { directory in
            try DiskContract.cases[number].run(
                DiskContract(disk: PosixDisk(), directory: directory)
            )
        }
    }

    @Test
    func `a lock is freed when its owner is let go`() throws {
        try withDirectory { directory in
            let disk = PosixDisk()
            do { _ = try disk.lock("\(directory)/lock") }
            try disk.lock("\(directory)/lock").release()
        }
    }

    @Test
    func `a pipe and a directory are no files`() throws {
        try withDirectory { directory in
            #expect(mkfifo("\(directory)/pipe", 0o600) == 0)
            for path in ["\(directory)/pipe", directory] {
                #expect(throws: DiskError.self) { _ = try PosixDisk().open(path, mode: .read) }
            }
        }
    }

    /// In memory: a file system on a disk takes all there is before it says that it is too little.
    @Test
    func `a file system without room says so`() throws {
        try withDirectory(below: "/dev/shm") { directory in
            try DiskContract(disk: PosixDisk(), directory: directory).runsOutOfRoom()
        }
    }

    @Test
    func `a directory that is there is synced once more, unless it is out of reach`() throws {
        try withDirectory { directory in
            let disk = PosixDisk()
            try disk.createDirectory("\(directory)/a/b")
            try disk.createDirectory("\(directory)/a/b")
            // Root may look into everything; others not into this one.
            #expect(chmod("\(directory)/a", 0o300) == 0)
            try disk.createDirectory("\(directory)/a/b")
            #expect(chmod("\(directory)/a", 0o700) == 0)
        }
    }

    @Test
    func `a read or write that is done in parts or interrupted goes on`() {
        var script = [3, -1, 1, 4]
        var places: [Int] = []
        let whole = Transfer.whole(8) { done in
            places.append(done)
            errno = EINTR
            return script.removeFirst()
        }
        #expect(whole.done == 8 && whole.code == 0)
        #expect(places == [0, 3, 3, 4])

        script = [3, 0]
        let short = Transfer.whole(8) { _ in script.removeFirst() }
        #expect(short.done == 3 && short.code == 0)

        script = [5, -1]
        let failed = Transfer.whole(8) { _ in
            errno = ENOSPC
            return script.removeFirst()
        }
        #expect(failed.done == 5 && failed.code == ENOSPC)

        let nothing = Transfer.whole(0) { _ in
            Issue.record("nothing is to be done")
            return 0
        }
        #expect(nothing.done == 0 && nothing.code == 0)
    }

    @Test
    func `only a lock that another has is one`() {
        func error(_ operation: DiskError.Operation, _ code: Int32) -> DiskError {
            DiskError(operation: operation, path: "lock", code: code)
        }
        #expect(error(.lock, EAGAIN).isLocked)
        #expect(!error(.lock, EACCES).isLocked)
        #expect(!error(.open, EAGAIN).isLocked)
        #expect(error(.open, EMFILE).isShortage)
        #expect(error(.open, ENFILE).isShortage)
        #expect(!error(.open, EMFILE).isOutOfSpace)
        #expect(!error(.open, EACCES).isShortage)
    }

    private func withDirectory(
        below parent: String = "/tmp",
        _ body: (String) throws -> Void
    ) throws {
        var template = Array("\(parent)/cadastre-disk-XXXXXX".utf8CString)
        #expect(mkdtemp(&template) != nil)
        let bytes = template.dropLast().map(UInt8.init(bitPattern:))
        let directory = String(decoding: bytes, as: UTF8.self)
        defer { empty(directory) }
        try body(directory)
    }

    private func empty(_ directory: String) {
        for name in (try? PosixDisk().list(directory)) ?? [] {
            if unlink("\(directory)/\(name)") != 0 { empty("\(directory)/\(name)") }
        }
        rmdir(directory)
    }
}

/// The contract on the simulated disk, and what a crash does there.
struct SimulatedDiskTests {
    @Test(arguments: DiskContract.cases.indices)
    func `the simulated disk keeps the contract`(number: Int) throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.createDirectory("/d")
        try DiskContract.cases[number].run(DiskContract(disk: disk, directory: "/d"))
    }

    /// A disk with one durable file of 2 KiB of ones.
    private func prepared(seed: UInt64) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: seed)
        try disk.createDirectory("/d")
        let file = try disk.open("/d/a", mode: .create)
        try file.write(at: 0, [UInt8](repeating: 1, count: 2_048))
        try file.sync()
        try disk.syncDirectory("/d")
        return disk
    }

    @Test
    func `unsynced sectors are kept, lost and torn, synced ones stay`() throws {
        var outcomes: Set<[UInt8]> = []
        for seed in 0..<300 {
            let disk = try prepared(seed: UInt64(seed))
            let file = try disk.open("/d/a", mode: .readWrite)
            try file.write(at: 512, [UInt8](repeating: 2, count: 1_024))
            disk.crash()
            #expect(throws: DiskError.self) { _ = try disk.exists("/d/a") }
            disk.restart()
            #expect(throws: DiskError.self) { _ = try file.size() }
            let bytes = try #require(disk.contents("/d/a"))
            #expect(bytes.count == 2_048)
            for sector in 0..<4 {
                #expect(Set(bytes[sector * 512..<sector * 512 + 512]).count == 1)
            }
            outcomes.insert([bytes[0], bytes[512], bytes[1_024], bytes[1_536]])
        }
        #expect(outcomes == [[1, 1, 1, 1], [1, 1, 2, 1], [1, 2, 1, 1], [1, 2, 2, 1]])
    }

    @Test
    func `a sector is as it was at some moment since the last sync`() throws {
        var outcomes: Set<[UInt8]> = []
        for seed in 0..<300 {
            let disk = try prepared(seed: UInt64(seed))
            let file = try disk.open("/d/a", mode: .readWrite)
            try file.write(at: 0, [2])
            try file.write(at: 1, [3])
            disk.crash()
            outcomes.insert(Array(try #require(disk.contents("/d/a"))[..<2]))
        }
        #expect(outcomes == [[1, 1], [2, 1], [2, 3]])
    }

    @Test
    func `the size survives or not, and what is lost of it reads as zeros`() throws {
        var sizes: Set<Int> = []
        for seed in 0..<300 {
            let disk = try prepared(seed: UInt64(seed))
            let file = try disk.open("/d/a", mode: .readWrite)
            try file.write(at: 2_048, [UInt8](repeating: 2, count: 512))
            try file.truncate(to: 1_024)
            disk.crash()
            let bytes = try #require(disk.contents("/d/a"))
            sizes.insert(bytes.count)
            #expect(bytes.prefix(1_024).allSatisfy { $0 == 1 })
        }
        #expect(sizes == [1_024, 2_048, 2_560])
    }

    @Test
    func `names survive only once their directory is synced`() throws {
        var outcomes: Set<[String]> = []
        for seed in 0..<300 {
            let disk = try prepared(seed: UInt64(seed))
            let file = try disk.open("/d/new", mode: .create)
            try file.write(at: 0, [5])
            try file.sync()
            try disk.rename("/d/a", to: "/d/b")
            disk.crash()
            outcomes.insert(disk.paths)
            if let bytes = disk.contents("/d/new") { #expect(bytes == [5]) }
        }
        #expect(outcomes == [["/d/a"], ["/d/a", "/d/new"], ["/d/b"], ["/d/b", "/d/new"]])
        let disk = try prepared(seed: 1)
        try disk.rename("/d/a", to: "/d/b")
        try disk.syncDirectory("/d")
        disk.crash()
        #expect(disk.paths == ["/d/b"])
    }

    @Test
    func `a file that was moved durably is nowhere else`() throws {
        for seed in 0..<40 as Range<UInt64> {
            let disk = try prepared(seed: seed)
            try disk.createDirectory("/e")
            try disk.rename("/d/a", to: "/d/b")
            try disk.rename("/d/b", to: "/e/b")
            try disk.syncDirectory("/e")
            try disk.syncDirectory("/d")
            disk.crash()
            #expect(disk.paths == ["/e/b"])
        }
    }

    @Test
    func `planned calls fail once, and a failed sync never makes up for it`() throws {
        var outcomes: Set<[UInt8]> = []
        for seed in 0..<100 {
            let disk = try prepared(seed: UInt64(seed))
            let file = try disk.open("/d/a", mode: .readWrite)
            disk.fail(.write, nth: 2)
            try file.write(at: 0, [2])
            #expect(throws: DiskError.self) { try file.write(at: 600, [2]) }
            disk.fail(.sync, nth: 1, code: DiskError.noSpace)
            let error = #expect(throws: DiskError.self) { try file.sync() }
            #expect(error?.isOutOfSpace == true)
            let seen = try file.read(at: 0, count: 1)
            try file.sync()
            try file.forgetCache()
            let there = try file.read(at: 0, count: 1)
            disk.crash()
            #expect(disk.contents("/d/a")?.prefix(1) == there[...])
            outcomes.insert([seen[0], there[0]])
        }
        // Kept; lost, and shown all the same; lost, and seen to be.
        #expect(outcomes == [[2, 2], [2, 1], [1, 1]])
    }

    @Test(arguments: SimulatedDisk.Fallible.allCases)
    func `every kind of call can be made to fail, once`(kind: SimulatedDisk.Fallible) throws {
        let disk = try prepared(seed: 1)
        let file = try disk.open("/d/a", mode: .readWrite)
        func call() throws(DiskError) {
            switch kind {
            case .read: _ = try file.read(at: 0, count: 1)
            case .write: try file.write(at: 0, [1])
            case .sync: try file.sync()
            case .size: _ = try file.size()
            case .truncate: try file.truncate(to: 2_048)
            case .preallocate: try file.preallocate(1)
            case .forgetCache: try file.forgetCache()
            case .open: _ = try disk.open("/d/a", mode: .read)
            case .exists: _ = try disk.exists("/d/a")
            case .list: _ = try disk.list("/d")
            case .rename: try disk.rename("/d/a", to: "/d/a")
            case .remove: try disk.remove("/d/a")
            case .createDirectory: try disk.createDirectory("/d/e")
            case .syncDirectory: try disk.syncDirectory("/d")
            case .lock: try disk.lock("/d/lock").release()
            case .freeSpace: _ = try disk.freeSpace("/d")
            }
        }
        disk.fail(kind, nth: 1, code: DiskError.notPermitted)
        let error = #expect(throws: DiskError.self) { try call() }
        #expect(error?.name == "EACCES")
        try call()
    }

    @Test
    func `a directory stays only once its parent is synced, and its files go with it`() throws {
        var outcomes: Set<[String]> = []
        for seed in 0..<200 {
            let disk = SimulatedDisk(seed: UInt64(seed))
            try disk.createDirectory("/d")
            // A look at each part, the sync of the parent, the file: all is durable before this.
            disk.crash(atOperation: 5)
            try disk.createDirectory("/d/e")
            let file = try disk.open("/d/e/a", mode: .create)
            #expect(throws: DiskError.self) { try file.sync() }
            disk.restart()
            let names = try disk.list("/d")
            #expect(names == ["e"])

            // Here the parent is not yet synced.
            disk.crash(atOperation: 3)
            #expect(throws: DiskError.self) { try disk.createDirectory("/d/f/g") }
            disk.restart()
            outcomes.insert(try disk.list("/d"))
        }
        #expect(outcomes == [["e"], ["e", "f"]])
    }

    @Test
    func `a directory that failed to become durable takes with it what was synced below`() throws {
        var outcomes: Set<[String]> = []
        for seed in 0..<100 {
            let disk = try prepared(seed: UInt64(seed))
            disk.fail(.syncDirectory, nth: 1)
            #expect(throws: DiskError.self) { try disk.createDirectory("/d/e") }
            let file = try disk.open("/d/e/b", mode: .create)
            try file.sync()
            try disk.syncDirectory("/d/e")
            disk.crash()
            outcomes.insert(disk.paths)
        }
        #expect(outcomes == [["/d/a"], ["/d/a", "/d/e/b"]])
    }

    @Test
    func `sectors that cannot be read fail until they are written again`() throws {
        let disk = try prepared(seed: 1)
        disk.makeUnreadable("/d/a", 600..<1_100)
        let copy = SimulatedDisk(copying: disk, seed: 1)
        for disk in [disk, copy] {
            let file = try disk.open("/d/a", mode: .readWrite)
            #expect(try file.read(at: 0, count: 512).count == 512)
            let error = #expect(throws: DiskError.self) { try file.read(at: 0, count: 513) }
            #expect(error?.isUnreadable == true)
            #expect(error?.offset == 512)
            try file.write(at: 512, [UInt8](repeating: 2, count: 512))
            #expect(try file.read(at: 0, count: 1_024).count == 1_024)
            try file.write(at: 1_024, [2])
            #expect(throws: DiskError.self) { try file.read(at: 1_100, count: 1) }
            try file.zeroFill(1_024..<1_536)
            #expect(try file.read(at: 0, count: 9_999).count == 2_048)
        }
    }

    @Test
    func `a small disk runs out of room as a large one does`() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.createDirectory("/d")
        disk.capacity = 1_048_576
        try DiskContract(disk: disk, directory: "/d").runsOutOfRoom()
    }

    @Test
    func `a write that does not fit takes the room there is`() throws {
        let disk = try prepared(seed: 3)
        disk.capacity = 2_148
        let file = try disk.open("/d/b", mode: .create)
        let error = #expect(throws: DiskError.self) {
            try file.write(at: 0, [UInt8](repeating: 1, count: 952))
        }
        #expect(error?.isOutOfSpace == true)
        #expect(error?.offset == 100)
        #expect(try file.size() == 100)
        #expect(throws: DiskError.self) { try file.preallocate(200) }
        #expect(throws: DiskError.self) { try file.truncate(to: 101) }
        #expect(throws: DiskError.self) { try file.zeroFill(50..<101) }
        #expect(try disk.freeSpace("/d") == 0)
        let bytes = try file.read(at: 0, count: 999)
        #expect(bytes.count == 100 && bytes[49] == 1 && bytes[50...].allSatisfy { $0 == 0 })
    }

    @Test
    func `a crash in the middle of a call stops everything`() throws {
        let disk = try prepared(seed: 3)
        let file = try disk.open("/d/a", mode: .readWrite)
        let lock = try disk.lock("/d/lock")
        disk.crash(atOperation: 2)
        try file.write(at: 0, [2])
        let error = #expect(throws: DiskError.self) { try file.sync() }
        #expect(error?.isCrash == true)
        #expect(disk.isCrashed)
        disk.restart()
        try disk.lock("/d/lock").release()
        lock.release()
        #expect(try disk.exists("/d/a"))
    }

    @Test
    func `a small disk fills up and takes on again`() throws {
        let disk = try prepared(seed: 3)
        disk.capacity = 3_000
        let file = try disk.open("/d/b", mode: .create)
        try file.write(at: 0, [UInt8](repeating: 1, count: 952))
        let error = #expect(throws: DiskError.self) { try file.write(at: 952, [1]) }
        #expect(error?.isOutOfSpace == true)
        try file.write(at: 0, [2])
        #expect(try disk.freeSpace("/d") == 0)
        try disk.remove("/d/a")
        try file.write(at: 952, [1])
    }

    @Test
    func `one seed, one outcome`() throws {
        func run() throws -> [UInt8]? {
            let disk = try prepared(seed: 42)
            let file = try disk.open("/d/a", mode: .readWrite)
            for place in 0..<20 { try file.write(at: place * 100, [9]) }
            disk.crash()
            return disk.contents("/d/a")
        }
        #expect(try run() == run())
    }
}
