import CadastreDisk
import Glibc
import Testing

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

    @Test
    func `a file system without room says so`() throws {
        let file = try PosixDisk().open("/dev/shm/cadastre-\(getpid())", mode: .create)
        defer {
            file.close()
            unlink("/dev/shm/cadastre-\(getpid())")
        }
        let error = #expect(throws: DiskError.self) { try file.preallocate(1 << 60) }
        #expect(error?.isOutOfSpace == true || error?.name == "EFBIG")
        #expect(error?.description.contains("preallocate of /dev/shm/cadastre-") == true)
    }

    private func withDirectory(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/cadastre-disk-XXXXXX".utf8CString)
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
    func `planned calls fail once, and a failed sync never makes up for it`() throws {
        var isLost = false
        for seed in 0..<50 {
            let disk = try prepared(seed: UInt64(seed))
            let file = try disk.open("/d/a", mode: .readWrite)
            disk.fail(.write, nth: 2)
            try file.write(at: 0, [2])
            #expect(throws: DiskError.self) { try file.write(at: 600, [2]) }
            disk.fail(.sync, nth: 1, code: DiskError.noSpace)
            let error = #expect(throws: DiskError.self) { try file.sync() }
            #expect(error?.isOutOfSpace == true)
            #expect(try file.read(at: 0, count: 1) == [2])
            try file.sync()
            disk.crash()
            if disk.contents("/d/a")?.first == 1 { isLost = true }
        }
        #expect(isLost)
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
