import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import Glibc
import RaftCore
import Testing

/// The file: whose it is, how it is searched, what others find in it.
struct StoreTests {
    @Test
    func `the database of another cluster, node or incarnation is refused untouched`() throws {
        let disk = SimulatedDisk(seed: 1)
        let world = try World(disk)
        try world.machine.commit()
        let copy = SimulatedDisk(copying: disk, seed: 2)
        let before = copy.paths.map { copy.contents($0) }
        for other in [
            StateMachineIdentity(
                cluster: ClusterID(high: 1, low: 22),
                node: NodeID(1),
                incarnation: testIdentity.incarnation
            ),
            StateMachineIdentity(
                cluster: testIdentity.cluster,
                node: NodeID(2),
                incarnation: testIdentity.incarnation
            ),
            StateMachineIdentity(
                cluster: testIdentity.cluster,
                node: NodeID(1),
                incarnation: Incarnation(high: 33, low: 45)
            ),
        ] {
            let error = failure {
                _ = try StateMachine.open(directory: "data/state", on: copy, identity: other)
            }
            #expect(error == .foreign(found: testIdentity))
            #expect(copy.paths.map { copy.contents($0) } == before)
        }
    }

    @Test
    func `a file that is no database, or a damaged one, is refused`() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.createDirectory("data/state")
        disk.setContents("data/state/state.sqlite", [UInt8](repeating: 7, count: 9_000))
        guard case .damaged = failure(of: { _ = try makeMachine(disk) }) else {
            Issue.record("garbage was opened")
            return
        }
    }

    @Test
    func `an open database is opened by nobody else`() throws {
        let directory = "/tmp/cadastre-lock-\(getpid())"
        defer { try? removeAll(directory) }
        let world = try World(PosixDisk(), directory: directory)
        try world.machine.checkpoint()
        #expect(failure { _ = try makeMachine(PosixDisk(), directory: directory) } == .inUse)
        if access("/usr/bin/sqlite3", X_OK) == 0 {
            let words = try sqlite("SELECT count(*) FROM tenants", "\(directory)/state.sqlite")
            #expect(words.contains("locked"), "\(words)")
        }
        try world.machine.close()
        let next = try makeMachine(PosixDisk(), directory: directory)
        #expect(next.digest == world.machine.digest)
    }

    @Test
    func `a schema of a newer program is refused, with its number`() throws {
        let disk = SimulatedDisk(seed: 1)
        try World(disk).machine.close()
        let path = "data/state/state.sqlite"
        var contents = try #require(disk.contents(path))
        // The user version in SQLite's file header, big-endian.
        contents.replaceSubrange(60..<64, with: [0, 0, 0, 99])
        disk.setContents(path, contents)
        #expect(failure { _ = try makeMachine(disk) } == .unknownSchema(number: 99))
        #expect(disk.contents(path) == contents)
    }

    @Test
    func `a body that rotted is not handed out`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        let put = PutObject(
            bucket: bytes("photos"),
            key: bytes("key"),
            size: 1,
            locations: bytes("where-the-bytes-are")
        )
        try world.machine.apply(world.owner.next(.putObject(put)))
        try world.machine.close()
        let path = "data/state/state.sqlite"
        let contents = try #require(disk.contents(path))
        let needle = bytes("where-the-bytes-are")
        let place = try #require(
            contents.indices.first { contents[$0...].starts(with: needle) }
        )
        disk.flipBit(path, at: place, bit: 3)
        world.machine = try makeMachine(disk)
        let query = Query.getObject(bucket: bytes("photos"), key: bytes("key"))
        guard case .damaged = failure(of: { _ = try world.ask(query) }) else {
            Issue.record("a damaged body was handed out")
            return
        }
    }

    @Test
    func `every hot statement is a search by key or index`() throws {
        let plans = try World().machine.queryPlans()
        // Those that run, not a list of those that should: taken from the connection.
        let searched = plans.filter { text, _ in
            ["SELECT", "UPDATE", "DELETE"].contains { text.hasPrefix($0) }
        }
        #expect(searched.count > 15)
        #expect(plans.count > searched.count + 8)
        for (text, plan) in searched {
            #expect(plan.contains("SEARCH"), "\(text): \(plan)")
            #expect(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "\(text): \(plan)")
        }
        // What it asks of each row it must ask of no row before the range.
        let scan = try #require(searched.first { text, _ in text.hasPrefix("SELECT 1 FROM") })
        #expect(scan.plan.hasSuffix("USING PRIMARY KEY (bucket=? AND key>?)"), "\(scan)")
        let rewrite = try #require(searched.first { text, _ in text.hasPrefix("UPDATE") })
        let range = "USING PRIMARY KEY (bucket=? AND key>? AND key<?)"
        #expect(rewrite.plan.hasSuffix(range), "\(rewrite)")
    }

    @Test(.enabled(if: access("/usr/bin/sqlite3", X_OK) == 0))
    func `after a clean stop, and in the middle of the work, a copy passes the integrity check`()
        throws
    {
        let directory = "/tmp/cadastre-integrity-\(getpid())"
        let copy = directory + "-copy"
        defer {
            try? removeAll(directory)
            try? removeAll(copy)
        }
        var world = try World(
            PosixDisk(),
            directory: directory,
            settings: StateMachineSettings(maximumDirtyRows: 100, checkpointSizeBytes: 300_000)
        )
        for number in 0..<800 {
            try world.put(bytes("key-\(number * 7_919 % 1_000)"))
            try world.machine.endOfTurn(idle: false)
        }
        try world.machine.commit()
        let disk = PosixDisk()
        try disk.createDirectory(copy)
        for name in try disk.list(directory) {
            let contents = try disk.readWhole("\(directory)/\(name)", maximumSize: 1 << 26)
            try disk.replace(name, in: copy, with: contents)
        }
        #expect(try disk.exists("\(copy)/state.sqlite-wal"))
        let count = "SELECT count(*) FROM objects"
        #expect(try sqlite("PRAGMA integrity_check", "\(copy)/state.sqlite") == "ok\n")
        #expect(try sqlite(count, "\(copy)/state.sqlite") == "800\n")
        #expect(try world.machine.integrityProblems() == [])
        try world.machine.close()
        #expect(try sqlite("PRAGMA integrity_check", "\(directory)/state.sqlite") == "ok\n")
        #expect(try sqlite(count, "\(directory)/state.sqlite") == "800\n")
    }

    @Test
    func `what was closed is opened with the same digest, position and access`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        for number in 0..<50 { try world.put(bytes("\(number)")) }
        try world.machine.close()
        #expect(!disk.paths.contains("data/state/state.sqlite-wal"))
        let machine = try makeMachine(disk)
        #expect(machine.digest == world.machine.digest)
        #expect(machine.applied == world.machine.applied)
        #expect(machine.durablyApplied == machine.applied)
        #expect(machine.accessView.tenants == world.machine.accessView.tenants)
    }

    @Test
    func `a file that is mostly free is given back in small steps`() throws {
        let disk = SimulatedDisk(seed: 1)
        let path = "data/state/state.sqlite"
        var world = try World(
            disk,
            settings: StateMachineSettings(maximumDirtyRows: 500, checkpointSizeBytes: 500_000)
        )
        func put(_ number: Int) throws {
            let put = PutObject(
                bucket: bytes("photos"),
                key: bytes("key-\(number)"),
                size: 1,
                locations: [UInt8](repeating: UInt8(number & 255), count: 3_500)
            )
            try world.machine.apply(world.owner.next(.putObject(put)))
        }
        for number in 0..<3_000 { try put(number) }
        try world.machine.checkpoint()
        let full = try #require(disk.contents(path)).count
        for number in 0..<2_900 { try world.delete(bytes("key-\(number)")) }
        try world.machine.endOfTurn(idle: true)
        _ = try world.machine.beginImage()
        let frames = world.machine.statistics.logPages
        try world.machine.endOfTurn(idle: true)
        #expect(world.machine.statistics.logPages == frames, "an image is held")
        world.machine.endImage()
        var steps = 0
        while try #require(disk.contents(path)).count > 6_000_000 {
            let before = disk.statistics.writtenBytes
            try world.machine.endOfTurn(idle: true)
            #expect(disk.statistics.writtenBytes - before < 2_000_000)
            if steps % 10 == 0 { try put(steps) }
            steps += 1
            try #require(steps < 500)
        }
        #expect(full > 10_000_000 && steps > 10)
        // What is needed soon again is kept.
        for _ in 0..<100 { try world.machine.endOfTurn(idle: true) }
        #expect(try #require(disk.contents(path)).count > 4_000_000)
        #expect(try world.machine.recomputeDigest().digest == world.machine.digest)
        #expect(try world.machine.integrityProblems() == [])
    }

    // Else a checkpoint of rows far from each other has hundreds of megabytes to wait for at its end.
    @Test
    func `what is written is on its way before it is synced`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        try world.machine.checkpoint()
        disk.statistics = SimulatedDisk.Statistics()
        for number in 0..<1_200 {
            let put = PutObject(
                bucket: bytes("photos"),
                key: bytes("key-\(number)"),
                size: 1,
                locations: [UInt8](repeating: 1, count: 3_500)
            )
            try world.machine.apply(world.owner.next(.putObject(put)))
        }
        #expect(disk.statistics.startedWrites == 0)
        try world.machine.checkpoint()
        // Into the log and from there into the main file.
        let megabytes = disk.statistics.writtenBytes >> 20
        #expect(megabytes >= 8)
        #expect((megabytes - 2...megabytes).contains(disk.statistics.startedWrites))
    }

    @Test
    func `only a checkpoint is called durable`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        let opened = world.machine.durablyApplied
        try world.put(bytes("a"))
        try world.machine.commit()
        #expect(world.machine.durablyApplied == opened)
        try world.machine.checkpoint()
        #expect(world.machine.durablyApplied == world.machine.applied)
        #expect(world.machine.statistics.logPages == 0)
    }

    @Test
    func `a put writes two rows, and the counters once per commit`() throws {
        var world = try World()
        try world.machine.commit()
        for number in 0..<100 { try world.put(bytes("\(number)")) }
        // 100 objects; one slot, the usage of the tenant and of the bucket.
        #expect(world.machine.statistics.dirtyRows == 103)
    }

    /// Asks the sqlite3 program, which reads with SQLite's own files.
    private func sqlite(_ text: String, _ path: String) throws -> String {
        let quoted = text.split(separator: "'").joined(separator: "'\\''")
        let pipe = try #require(popen("sqlite3 -readonly '\(path)' '\(quoted)' 2>&1", "r"))
        defer { pclose(pipe) }
        var output: [UInt8] = []
        var byte = fgetc(pipe)
        while byte != EOF {
            output.append(UInt8(truncatingIfNeeded: byte))
            byte = fgetc(pipe)
        }
        return String(decoding: output, as: UTF8.self)
    }
}
