import Benchmark
import BenchmarkLoad
import CadastreDisk
import CadastreProtocol

/// What recognising a retry costs: the same puts again, which are answered from their slots.
func sessions() {
    Benchmark("session: 64 retries recognised", configuration: .init(scalingFactor: .one)) {
        benchmark in
        let state = try LoadedState(directory: "/state", on: SimulatedDisk(seed: 1))
        var puts = PutStream(of: state.caller, .random, keyCount: 1_000)
        let commands = puts.next(64)
        try state.apply(commands)
        benchmark.startMeasurement()
        try state.apply(commands)
        benchmark.stopMeasurement()
    }
    Benchmark("session: one opened", configuration: .init(scalingFactor: .one)) { benchmark in
        let state = try LoadedState(directory: "/state", on: SimulatedDisk(seed: 1))
        let command = CommandEnvelope(
            principal: state.caller.principal,
            tenant: state.caller.tenant,
            identity: .none,
            command: .openSession(OpenSession(slots: 256))
        )
        benchmark.startMeasurement()
        try state.apply([command])
        benchmark.stopMeasurement()
    }
}
