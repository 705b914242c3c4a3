import Benchmark
import BenchmarkLoad
import CadastreDisk
import CadastreProtocol
import CadastreStorage
import Foundation
import RaftCore

/// A journal on the disk of this machine, with the entries that go into it.
private final class WrittenJournal {
    private let directory = "/var/tmp/cadastre-journal-\(getpid())"
    private let journal: Journal
    private var log = EntryStream(cluster: ClusterID(high: 1, low: 2))
    private let block: Block

    init(commandsPerEntry: Int) throws {
        let identity = JournalIdentity(
            cluster: ClusterID(high: 1, low: 2),
            node: NodeID(1),
            incarnation: Incarnation(high: 3, low: 4)
        )
        var puts = PutStream(
            of: Caller(tenant: TenantID(1), session: 1),
            .random,
            keyCount: 100_000
        )
        var builder = BlockBuilder()
        for command in puts.next(commandsPerEntry) { _ = builder.add(command.encode()) }
        block = builder.finish()
        let disk = PosixDisk()
        try? FileManager.default.removeItem(atPath: directory)
        try Journal.format(directory: directory, on: disk, identity: identity, seed: 1)
        journal = try Journal.open(directory: directory, on: disk, identity: identity, seed: 2)
            .journal
        while try journal.prepareAhead() {}
    }

    deinit {
        journal.close()
        // Of a folder for temporary files.
        try? FileManager.default.removeItem(atPath: directory)
    }

    func append() throws {
        try journal.write([.entry(log.next(block))])
    }

    func prepare() throws {
        while try journal.prepareAhead() {}
    }
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .writeSyscalls, .writeBytesLogical],
        timeUnits: .nanoseconds,
        maxDuration: .seconds(3)
    )

    // The yardstick of what syncs: Benchmarks/ratios divides the journal's steps by it.
    Benchmark("baseline: 4 KiB written and synced") { benchmark in
        let path = "/var/tmp/cadastre-sync-\(getpid())"
        let file = try PosixDisk().open(path, mode: .create)
        let block = [UInt8](repeating: 7, count: 4_096)
        try file.write(at: 0, block)
        try file.sync()
        benchmark.startMeasurement()
        try file.write(at: 0, block)
        try file.sync()
        benchmark.stopMeasurement()
        file.close()
        try PosixDisk().remove(path)
    }

    for count in [1, 16, 64, 256] {
        var journal: WrittenJournal?
        Benchmark("journal: append and sync \(count) commands") { benchmark in
            let written = try journal ?? WrittenJournal(commandsPerEntry: count)
            journal = written
            try written.prepare()
            benchmark.startMeasurement()
            try written.append()
            benchmark.stopMeasurement()
        } teardown: {
            journal = nil
        }
    }
}
