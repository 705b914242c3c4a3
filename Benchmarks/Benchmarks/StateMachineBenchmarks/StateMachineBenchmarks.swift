import Benchmark
import BenchmarkLoad
import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import Foundation

/// A filled state on the disk of this machine.
private final class FilledState {
    let state: LoadedState
    private var puts: PutStream
    private let directory = "/var/tmp/cadastre-state-\(getpid())"

    init(objects: Int, _ order: PutStream.Order) throws {
        try? FileManager.default.removeItem(atPath: directory)
        state = try LoadedState(directory: directory, on: PosixDisk())
        try state.fill(objects)
        puts = PutStream(of: state.caller, order, keyCount: objects)
    }

    deinit {
        // Of a folder for temporary files.
        try? state.machine.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    func next() -> [CommandEnvelope] { puts.next(64) }
}

/// Table sizes; a million only when asked for, since filling it takes a while.
private let sizes: [Int] =
    [1_000, 100_000] + (getenv("CADASTRE_BENCHMARK_LARGE") == nil ? [] : [1_000_000])

private func puts(_ name: String, _ order: PutStream.Order, objects: Int) {
    var filled: FilledState?
    Benchmark("state: 64 puts \(name), \(objects) objects") { benchmark in
        let state = try filled ?? FilledState(objects: objects, order)
        filled = state
        let commands = state.next()
        benchmark.startMeasurement()
        try state.state.apply(commands)
        benchmark.stopMeasurement()
    } teardown: {
        filled = nil
    }
}

private func reads(objects: Int) {
    var filled: FilledState?
    var place = 0
    func state() throws -> LoadedState {
        let state = try filled ?? FilledState(objects: objects, .random)
        filled = state
        return state.state
    }
    Benchmark(
        "state: point read, \(objects) objects",
        configuration: .init(scalingFactor: .kilo)
    ) { benchmark in
        let state = try state()
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations {
            place = (place + 7_919) % objects
            blackHole(
                try state.ask(.getObject(bucket: Caller.bucket, key: PutStream.key(place)))
            )
        }
    }
    Benchmark("state: list of 1,000, \(objects) objects") { benchmark in
        let state = try state()
        benchmark.startMeasurement()
        let listing = ObjectListing(bucket: Caller.bucket, maximum: 1_000)
        blackHole(try state.ask(.listObjects(listing)))
    } teardown: {
        filled = nil
    }
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .writeSyscalls, .writeBytesLogical],
        timeUnits: .nanoseconds,
        maxDuration: .seconds(3)
    )
    for objects in sizes {
        puts("in order", .ascending, objects: objects)
        puts("at random", .random, objects: objects)
        reads(objects: objects)
    }
    sessions()
}
