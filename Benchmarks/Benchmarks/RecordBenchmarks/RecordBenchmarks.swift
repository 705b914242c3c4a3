import Benchmark
import BenchmarkLoad
import CadastreDisk
import CadastreProtocol
import CadastreStorage
import RaftCore

private let commandsPerBlock = 64

/// A block of commands, encoded.
private let items: [[UInt8]] = {
    var puts = PutStream(
        of: Caller(tenant: TenantID(1), session: .max / 3),
        .random,
        keyCount: 100_000
    )
    return puts.next(commandsPerBlock).map { $0.encode() }
}()

private func block() -> Block {
    var builder = BlockBuilder()
    for item in items {
        let isTaken = builder.add(item)
        precondition(isTaken, "the block is full")
    }
    return builder.finish()
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput],
        timeUnits: .nanoseconds,
        scalingFactor: .kilo
    )

    // The yardstick: what Benchmarks/ratios divides the others by.
    Benchmark("baseline: SHA-256 of 4 KiB") { benchmark in
        let hasher = SHA256()
        let bytes = [UInt8](repeating: 7, count: 4_096)
        for _ in benchmark.scaledIterations {
            hasher.update(bytes)
            blackHole(hasher.finalize())
        }
    }

    Benchmark("command: encode") { benchmark in
        var puts = PutStream(
            of: Caller(tenant: TenantID(1), session: 1),
            .random,
            keyCount: 100_000
        )
        let command = puts.next()
        for _ in benchmark.scaledIterations { blackHole(command.encode()) }
    }

    Benchmark("command: decode and validate") { benchmark in
        for _ in benchmark.scaledIterations { blackHole(try CommandEnvelope(decoding: items[0])) }
    }

    Benchmark("block: 64 commands gathered and compressed") { benchmark in
        for _ in benchmark.scaledIterations { blackHole(block()) }
    }

    Benchmark("entry: made of a block of 64") { benchmark in
        let block = block()
        var log = EntryStream(cluster: ClusterID(high: 1, low: 2))
        for _ in benchmark.scaledIterations { blackHole(log.next(block)) }
    }

    Benchmark("entry: decode and verify, 64 commands") { benchmark in
        var log = EntryStream(cluster: ClusterID(high: 1, low: 2))
        let bytes = log.next(block()).bytes
        let hasher = SHA256()
        for _ in benchmark.scaledIterations {
            let isRight = try Entry(decoding: bytes).verifies(after: .zero, using: hasher)
            precondition(isRight, "the entry has another hash")
        }
    }

    Benchmark("entry: decompress 64 commands") { benchmark in
        var log = EntryStream(cluster: ClusterID(high: 1, low: 2))
        let entry = log.next(block())
        for _ in benchmark.scaledIterations { blackHole(try entry.items()) }
    }
}
