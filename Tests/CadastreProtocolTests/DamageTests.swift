import CadastreProtocol
import RaftCore
import Testing

/// One format: what to cut and flip, and how it is read and written again.
struct Format: Sendable, CustomTestStringConvertible {
    var name: String
    var samples: [[UInt8]]
    /// Reads, and writes again what was read.
    var reread: @Sendable ([UInt8]) throws -> [UInt8]

    var testDescription: String { name }

    static let all: [Format] = [
        Format(
            name: "envelope",
            samples: CommandTag.allCases.map { Samples.envelope($0).encode() },
            reread: { try CommandEnvelope(decoding: $0).encode() }
        ),
        Format(
            name: "command",
            samples: CommandTag.allCases.map { Samples.command($0).encode() },
            reread: { try Command(decoding: $0).encode() }
        ),
        Format(
            name: "query",
            samples: QueryTag.allCases.map { Samples.query($0).encode() },
            reread: { try Query(decoding: $0).encode() }
        ),
        Format(
            name: "answer",
            samples: QueryTag.allCases.map { Samples.answer($0).encode() },
            reread: { try Answer(decoding: $0).encode() }
        ),
        Format(
            name: "administration",
            samples: Samples.administrationRequests.map { $0.encode() },
            reread: { try AdministrationRequest(decoding: $0).encode() }
        ),
        Format(
            name: "administration answer",
            samples: Samples.administrationAnswers.map { $0.encode() },
            reread: { try AdministrationAnswer(decoding: $0).encode() }
        ),
        Format(
            name: "request",
            samples: Samples.requests.map { $0.encode() },
            reread: { try RequestMessage(decoding: $0).encode() }
        ),
        Format(
            name: "reply message",
            samples: Samples.replies.map { $0.encode() },
            reread: { try ReplyMessage(decoding: $0).encode() }
        ),
        Format(
            name: "stored reply",
            samples: [Reply.done(number: 1, sequence: 2).encode()],
            reread: { try Reply(decoding: $0).encode() }
        ),
        Format(
            name: "greeting",
            samples: [Samples.greeting.encode()],
            reread: { try Greeting(decoding: $0).encode() }
        ),
        Format(
            name: "peer message",
            samples: Samples.messageBodies.map { Samples.peer($0.body).encode() },
            reread: { try PeerMessage(decoding: $0, group: GroupID(2)).encode() }
        ),
    ]
}

@Suite
struct DamageTests {
    @Test(arguments: Format.all)
    func `no truncation is taken for a whole`(format: Format) throws {
        for (number, sample) in format.samples.enumerated() {
            #expect(try format.reread(sample) == sample, "sample \(number)")
            for size in 0..<sample.count {
                if (try? format.reread(Array(sample[..<size]))) != nil {
                    Issue.record("sample \(number) cut at \(size)")
                }
            }
        }
    }

    /// What is still taken after a flip is a value like any other: it is written and read again.
    @Test(arguments: Format.all)
    func `a flipped bit is refused or makes another value, and never traps`(
        format: Format
    ) throws {
        var refused = 0
        for (number, sample) in format.samples.enumerated() {
            for bit in 0..<sample.count * 8 {
                var flipped = sample
                flipped[bit / 8] ^= 1 << UInt8(bit % 8)
                guard let again = try? format.reread(flipped) else {
                    refused += 1
                    continue
                }
                let twice = try format.reread(again)
                if twice != again { Issue.record("sample \(number), bit \(bit)") }
            }
        }
        #expect(refused > 0)
    }

    @Test(arguments: Format.all)
    func `random bytes are refused or read, and never trap`(format: Format) {
        for seed in 0..<300 as Range<UInt64> {
            var generator = Generator(seed: seed)
            _ = try? format.reread(generator.bytes(0...200))
        }
    }
}
