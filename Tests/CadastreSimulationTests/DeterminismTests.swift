import CadastreSimulation
import Foundation
import TestLanes
import Testing

/// One seed, one history: in one process and in two, whose hash seeds differ.
@Suite(.heavy)
struct DeterminismTests {
    private static let seeds = Depth.cases(20, quick: 8)

    @Test(arguments: [3, 17, 58])
    func `the same seed twice is the same history`(seed: UInt64) throws {
        #expect(try Seeds.run(seed) == Seeds.run(seed))
    }

    @Test
    func `different seeds are different histories`() throws {
        #expect(try Seeds.run(4).trace != Seeds.run(5).trace)
    }

    @Test
    func `two processes print one digest for each of many seeds`() throws {
        let first = try lines()
        #expect(first.count == Self.seeds)
        #expect(first == (try lines()))
        let digits = String(try Seeds.run(7).trace, radix: 16)
        #expect(first[6].hasPrefix("seed 7:") && first[6].contains(digits))
    }

    private func lines() throws -> [String] {
        let process = Process()
        process.executableURL = try program()
        process.arguments = ["--seeds", "\(Self.seeds)", "--from", "1", "--digests"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix("seed ") }
    }

    /// The program beside the tests: `swift build --build-tests` builds it with them.
    private func program() throws -> URL {
        let beside = try #require(Bundle.main.executableURL).deletingLastPathComponent()
        let candidates = [beside, beside.deletingLastPathComponent()]
            .map { $0.appendingPathComponent("cadastre-sim") }
        return try #require(
            candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) },
            "cadastre-sim was not built beside the tests"
        )
    }
}
