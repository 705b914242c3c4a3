import Foundation
import RaftCore
import Testing

@testable import CadastreProtocol

/// The samples, as the inputs that the fuzzers begin with (`Tests/DecoderTests/Corpus`).
///
/// `CADASTRE_REWRITE=1` writes the files anew.
@Suite
struct CorpusSeedTests {
    /// By the name of the decoder there.
    private static let made: [(name: String, inputs: [[UInt8]])] =
        [
            ("envelope", "envelope"), ("command", "command"), ("query", "query"),
            ("answer", "answer"), ("administration", "administration"),
            ("administration-answer", "administration answer"), ("request", "request"),
            ("reply", "reply message"), ("greeting", "greeting"), ("peer-message", "peer message"),
        ].map { name, format in
            (name, Format.all.first { $0.name == format }?.samples ?? [])
        } + [
            ("frame", frames), ("snapshot-message", snapshots), ("repair-message", repairs),
        ]

    private static let frames: [[UInt8]] = {
        var bytes: [UInt8] = []
        for (number, kind) in [FrameKind.request, .reply, .peer, .snapshot, .repair].enumerated() {
            Frame.append(
                kind,
                group: 1,
                requestID: UInt64(number),
                body: [1, 2, 3],
                to: &bytes
            )
        }
        var pieces: [UInt8] = []
        for (requestID, hasMorePieces) in [(1, true), (2, true), (1, false), (2, false)] {
            FrameHeader(
                kind: .peer,
                hasMorePieces: hasMorePieces,
                group: 0,
                requestID: UInt64(requestID),
                bodySize: 2
            ).append(to: &pieces)
            pieces += [4, 5]
        }
        var goodbye: [UInt8] = []
        Frame.append(.goodbye, group: 0, requestID: 0, body: [], to: &goodbye)
        return [bytes, pieces, goodbye]
    }()

    private static let snapshots: [[UInt8]] = {
        let position = LogPosition(index: LogIndex(9), term: Term(2))
        let bodies: [SnapshotMessage.Body] = [
            .offer(position), .fetchManifest, .manifest([1, 2]), .fetchChunk(3), .chunk(3, [4]),
            .gone, .taken, .declined,
        ]
        return bodies.map { SnapshotMessage(SnapshotName(1, 2, 3, 4), $0).encode() }
    }()

    private static let repairs: [[UInt8]] = {
        let hash = EntryHash(1, 2, 3, 4)
        let bodies: [RepairMessage.Body] = [
            .fetch, .entries([[1, 2, 3], [4]], previousHash: .zero), .unavailable,
        ]
        return bodies.map { RepairMessage(LogIndex(9), hash, $0).encode() }
    }()

    @Test(arguments: made.map(\.name))
    func `the fuzzers begin with a sample of everything`(name: String) throws {
        let inputs = try #require(Self.made.first { $0.name == name }).inputs
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "DecoderTests/Corpus/\(name).seeds.txt")
        if ProcessInfo.processInfo.environment["CADASTRE_REWRITE"] == "1" {
            let text = inputs.map { input in
                input.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\n"
            }.joined()
            try Data(text.utf8).write(to: file)
        }
        let kept = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        #expect(!inputs.isEmpty)
        #expect(kept.count >= inputs.count)
    }
}
