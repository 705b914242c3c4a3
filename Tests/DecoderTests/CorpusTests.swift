import Foundation
import Testing

/// The corpus of the fuzzers, as ordinary tests: what once broke a decoder breaks it never again.
///
/// `Cluster/fuzz` looks for more.
@Suite
struct CorpusTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Corpus")

    static func inputs(_ name: String) throws -> [[UInt8]] {
        let file = folder.appending(path: name)
        guard FileManager.default.fileExists(atPath: file.path) else { return [] }
        return try #require(
            Corpus.inputs(in: String(contentsOf: file, encoding: .utf8)),
            "a line of \(name) is no input"
        )
    }

    @Test(arguments: Decoder.allCases)
    func `every seed is taken, and every rule holds of it`(decoder: Decoder) throws {
        let seeds = try Self.inputs(Corpus.fileNames(of: decoder)[0])
        #expect(!seeds.isEmpty)
        for seed in seeds {
            #expect(seed.count <= decoder.maximumSize)
            #expect(try decoder.judge(seed), "\(Corpus.line(seed)) is refused")
        }
    }

    @Test(arguments: Decoder.allCases)
    func `no rule is broken by what fuzzing found`(decoder: Decoder) throws {
        for input in try Self.inputs(Corpus.fileNames(of: decoder)[1]) {
            #expect(throws: Never.self, "\(Corpus.line(input))") { try decoder.judge(input) }
        }
    }

    @Test
    func `each file of the corpus belongs to a decoder`() throws {
        let known = Set(Decoder.allCases.flatMap { Corpus.fileNames(of: $0) })
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder.path) {
            #expect(known.contains(name), "\(name) is read by nobody")
        }
    }

    /// Cut anywhere, and with each bit of the beginning turned: without libFuzzer, too.
    @Test(arguments: Decoder.allCases)
    func `no rule is broken by a seed that is damaged`(decoder: Decoder) throws {
        for seed in try Self.inputs(Corpus.fileNames(of: decoder)[0]).prefix(12) {
            for size in stride(from: 0, to: seed.count, by: max(1, seed.count / 24)) {
                #expect(throws: Never.self, "\(Corpus.line(seed)) cut at \(size)") {
                    try decoder.judge(Array(seed[..<size]))
                }
            }
            for place in stride(from: 0, to: seed.count, by: max(1, seed.count / 24)) {
                var damaged = seed
                damaged[place] ^= 1 << UInt8(place % 8)
                #expect(throws: Never.self, "\(Corpus.line(damaged))") {
                    try decoder.judge(damaged)
                }
            }
        }
    }
}
