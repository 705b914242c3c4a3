import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import Glibc
import RaftCore
import Testing

/// Measures, and asserts nothing: run with CADASTRE_MEASURE=1 in a release build.
@Suite(.enabled(if: getenv("CADASTRE_MEASURE") != nil), .serialized)
struct SpeedTests {
    @Test(arguments: [("ordered", 8_192), ("random", 8_192), ("random", 512)])
    func `what a put costs`(shape: String, rows: Int) throws {
        let directory = "/tmp/cadastre-speed-\(getpid())-\(shape)-\(rows)"
        let world = try World(
            PosixDisk(),
            directory: directory,
            settings: StateMachineSettings(maximumDirtyRows: rows)
        )
        defer { try? removeAll(directory) }
        var generator = SplitMix64(seed: 7)
        for round in 1...2 {
            var entries: [TestEntry] = []
            let first = world.machine.applied.index.value + 1
            for index in 0..<1_562 {
                let commands = (0..<64).map { place -> CommandEnvelope in
                    let number = index * 64 + place
                    let id = shape == "random" ? generator.next() : UInt64(number + round * 100_000)
                    var key = String(id, radix: 16)
                    key = String(repeating: "0", count: 16 - key.count) + key
                    return CommandEnvelope(
                        principal: world.owner.principal,
                        tenant: world.owner.tenant,
                        identity: .slot(
                            session: world.owner.session,
                            slot: UInt32(place % 4),
                            sequence: UInt64((round - 1) * 1_562 * 16 + index * 16 + place / 4 + 1)
                                + (place % 4 == 0 ? 1 : 0)
                        ),
                        command: .putObject(
                            PutObject(
                                bucket: bytes("photos"),
                                key: bytes("backup/\(key)/chunk-0001"),
                                size: 1_000,
                                etag: [UInt8](repeating: 7, count: 32),
                                checksum: Checksum(
                                    algorithm: .sha256,
                                    value: [UInt8](repeating: 1, count: 32)
                                ),
                                contentType: bytes("application/octet-stream"),
                                metadata: [Attribute(name: bytes("mtime"), value: bytes("17123"))],
                                locations: [UInt8](repeating: 3, count: 40)
                            )
                        )
                    )
                }
                entries.append(TestEntry(first + UInt64(index), commands))
            }
            var replies: [Reply] = []
            let start = now()
            var slowest = 0.0
            for entry in entries {
                let before = now()
                try world.machine.apply(entry.context, commands: entry.commands, into: &replies)
                try world.machine.endOfTurn(idle: false)
                slowest = max(slowest, now() - before)
            }
            let spent = now() - start
            #expect(replies.allSatisfy { $0.refusal == nil })
            print(
                shape,
                "rows",
                rows,
                "round",
                round,
                "µs/put:",
                spent / 99_968 * 1e6,
                "slowest entry ms:",
                slowest * 1e3,
                "resident MB:",
                residentMegabytes(),
                world.machine.statistics
            )
        }
        try reads(world)
        try copy(world, to: "\(directory)-copy")
        try world.machine.close()
    }

    /// The state as a file, and that file as the state of another node.
    private func copy(_ world: World, to directory: String) throws {
        defer { try? removeAll(directory) }
        let disk = PosixDisk()
        var start = now()
        let image = try world.machine.beginImage()
        print("image of", image.size >> 20, "MiB: ms", (now() - start) * 1e3)
        let contents = try disk.readWhole(image.path, maximumSize: 1 << 31)
        world.machine.endImage()
        try disk.createDirectory(directory)
        try disk.replace("received", in: directory, with: contents)
        start = now()
        let state = try StateMachine.stage(
            path: "\(directory)/received",
            on: disk,
            identity: testIdentity,
            expecting: image.applied,
            digest: image.digest
        )
        print("staging begun: ms", (now() - start) * 1e3)
        var slowest = 0.0
        var isDone = false
        while !isDone {
            let before = now()
            isDone = try state.step(maximumRows: 1_024)
            slowest = max(slowest, now() - before)
        }
        print("staged: ms", (now() - start) * 1e3, "slowest step ms", slowest * 1e3)
        let machine = try makeMachine(disk, directory: directory)
        start = now()
        try machine.install(#require(state.verified))
        print("installed: ms", (now() - start) * 1e3)
        #expect(machine.digest == image.digest)
        try machine.close()
    }

    private func reads(_ world: World) throws {
        let listing = Query.listObjects(ObjectListing(bucket: bytes("photos")))
        var start = now()
        var keys: [[UInt8]] = []
        for _ in 0..<100 {
            guard case .success(.objects(let page)) = try world.ask(listing) else { continue }
            keys = page.items.compactMap { item in
                if case .object(let key, _, _, _, _) = item { key } else { nil }
            }
        }
        print("list of \(keys.count): ms", (now() - start) / 100 * 1e3)
        start = now()
        for key in keys {
            _ = try world.ask(.getObject(bucket: bytes("photos"), key: key))
        }
        print("point read: µs", (now() - start) / Double(keys.count) * 1e6)
        start = now()
        let result = try world.machine.recomputeDigest()
        print("recompute of \(result.rows) rows: ms", (now() - start) * 1e3)
        #expect(result.digest == world.machine.digest)
    }

    private func residentMegabytes() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss / 1_024
    }

    private func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// Removes a directory with the files in it.
func removeAll(_ directory: String) throws {
    let disk = PosixDisk()
    for name in try disk.list(directory) { try disk.remove("\(directory)/\(name)") }
    rmdir(directory)
}
