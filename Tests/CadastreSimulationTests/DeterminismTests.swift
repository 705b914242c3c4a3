import CadastreSimulation
import Foundation
import Testing

/// One seed, one history: in one process and in two, whose hash seeds differ.
struct DeterminismTests {
    @Test(arguments: [3, 17, 58])
    func `the same seed twice is the same history`(seed: UInt64) throws {
        let first = try Simulation.run(seed: seed)
        let second = try Simulation.run(seed: seed)
        #expect(first == second)
    }

    @Test
    func `different seeds are different histories`() throws {
        #expect(try Simulation.run(seed: 4).trace != Simulation.run(seed: 5).trace)
    }

    /// The program, where it was built beside the tests.
    static var program: URL? {
        let beside = Bundle.main.executableURL?.deletingLastPathComponent()
        let candidates = [beside, beside?.deletingLastPathComponent()].compactMap { $0 }
        return candidates.map { $0.appendingPathComponent("cadastre-sim") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }

    @Test(.enabled(if: program != nil, "cadastre-sim was not built"), arguments: [3, 58])
    func `two processes with one seed print one digest`(seed: UInt64) throws {
        let first = try output(seed)
        #expect(first == (try output(seed)))
        let trace = try Simulation.run(seed: seed).trace
        #expect(first.contains(String(trace, radix: 16)))
    }

    private func output(_ seed: UInt64) throws -> String {
        guard let program = Self.program else { return "" }
        let process = Process()
        process.executableURL = program
        process.arguments = ["--seed", "\(seed)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self)
    }
}
