import Foundation
import RaftCore
import SwiftProtobuf
import Testing

@testable import CadastreProtocol

/// The hand-written protobuf codec against the generated one, and every format there and back.
@Suite
struct CodecTests {
    @Test(arguments: CommandTag.allCases)
    func `commands are the same bytes as the generated code makes`(tag: CommandTag) throws {
        for seed in 0..<100 as Range<UInt64> {
            var generator = Generator(seed: seed)
            let command = generator.command(tag)
            try command.validate()
            let bytes = command.encode()
            let reference: [UInt8] = try Reference.message(command).serializedBytes()
            #expect(bytes == reference, "seed \(seed)")
            #expect(try Command(decoding: reference) == command, "seed \(seed)")
            #expect(command.tag == tag)
            #expect(reference.first == tag.rawValue << 3 | 2)
        }
    }

    @Test(arguments: QueryTag.allCases)
    func `queries and answers are the same bytes as the generated code makes`(
        tag: QueryTag
    ) throws {
        for seed in 0..<100 as Range<UInt64> {
            var generator = Generator(seed: seed)
            let query = generator.query(tag)
            let queryBytes: [UInt8] = try Reference.message(query).serializedBytes()
            #expect(query.encode() == queryBytes, "seed \(seed)")
            #expect(try Query(decoding: queryBytes) == query, "seed \(seed)")
            #expect(query.tag == tag)
            let answer = generator.answer(tag)
            let answerBytes: [UInt8] = try Reference.message(answer).serializedBytes()
            #expect(answer.encode() == answerBytes, "seed \(seed)")
            #expect(try Answer(decoding: answerBytes) == answer, "seed \(seed)")
            #expect(answer.tag == tag)
            if case .object(let record) = answer {
                #expect(answerBytes.count <= record.answerBound, "seed \(seed)")
            }
        }
    }

    @Test
    func `a message of more than a page of bytes moves up for its size`() throws {
        for size in [127, 128, 129, 16_383, 16_384, 16_385, 65_536] {
            var put = Samples.put
            put.locations = Array(repeating: 7, count: size)
            let command = Command.putObject(put)
            let reference: [UInt8] = try Reference.message(command).serializedBytes()
            #expect(command.encode() == reference)
            #expect(try Command(decoding: reference) == command)
        }
    }

    @Test(arguments: CommandTag.allCases)
    func `envelopes come back`(tag: CommandTag) throws {
        for seed in 0..<20 as Range<UInt64> {
            var generator = Generator(seed: seed)
            var envelope = Samples.envelope(tag)
            envelope.command = generator.command(tag)
            envelope.rangeEpoch = generator.next()
            #expect(try CommandEnvelope(decoding: envelope.encode()) == envelope)
        }
    }

    @Test(arguments: CommandTag.allCases)
    func `what an envelope keeps of its command follows it`(tag: CommandTag) {
        for other in CommandTag.allCases {
            var envelope = Samples.envelope(tag)
            envelope.command = Samples.command(other)
            #expect(envelope.tag == other)
            #expect(envelope.operations == envelope.command.operations)
        }
    }

    @Test
    func `requests and replies come back`() throws {
        for request in Samples.requests {
            #expect(try RequestMessage(decoding: request.encode()) == request)
        }
        for reply in Samples.replies {
            #expect(try ReplyMessage(decoding: reply.encode()) == reply)
        }
    }

    @Test
    func `administration comes back`() throws {
        for request in Samples.administrationRequests {
            #expect(try AdministrationRequest(decoding: request.encode()) == request)
        }
        for answer in Samples.administrationAnswers {
            #expect(try AdministrationAnswer(decoding: answer.encode()) == answer)
        }
    }

    @Test(arguments: Samples.messageBodies.map(\.name))
    func `messages of peers come back`(name: String) throws {
        let body = try #require(Samples.messageBodies.first { $0.name == name }?.body)
        let message = Samples.peer(body)
        let group = message.message.group
        #expect(try PeerMessage(decoding: message.encode(), group: group) == message)
    }

    @Test
    func `stored replies come back`() throws {
        for refusal in Refusal.allCases {
            let reply = Reply.refused(refusal)
            #expect(try Reply(decoding: reply.encode()) == reply)
        }
        let done = Reply.done(number: .max, sequence: 1 << 62)
        #expect(done.encode().count == Reply.size)
        #expect(try Reply(decoding: done.encode()) == done)
    }

    @Test
    func `greetings come back, and versions are agreed on`() throws {
        let client = Greeting(cluster: nil, node: .none, incarnation: nil, purpose: .client)
        #expect(try Greeting(decoding: client.encode()) == client)
        #expect(try Greeting(decoding: Samples.greeting.encode()) == Samples.greeting)
        #expect(try client.commonVersion(with: Samples.greeting) == 1)
        var newer = Samples.greeting
        newer.lowestVersion = 1
        newer.highestVersion = 9
        #expect(try newer.commonVersion(with: client) == 1)
        newer.lowestVersion = 2
        #expect(throws: ProtocolError.self) { try newer.commonVersion(with: client) }
    }

    @Test
    func `a refusal that is not known is a refusal even so`() throws {
        var bytes = ReplyMessage(outcome: .refused(.overloaded)).encode()
        bytes[2] = 0xFE
        let reply = try ReplyMessage(decoding: bytes)
        #expect(reply.outcome == .refused(.notSupported))
        #expect(reply.detail.contains("254"))
    }

    @Test
    func `the detail is cut at its limit`() throws {
        let reply = ReplyMessage(
            outcome: .unknown,
            detail: String(repeating: "x", count: ProtocolLimits.maximumDetailSize + 1)
        )
        let decoded = try ReplyMessage(decoding: reply.encode())
        #expect(decoded.detail.count == ProtocolLimits.maximumDetailSize)
    }

    @Test
    func `absent maxima are a whole page, and larger ones are cut`() throws {
        func query(_ change: (inout Cadastre_V1_Query) -> Void) throws -> Query {
            var message = Cadastre_V1_Query()
            change(&message)
            return try Query(decoding: message.serializedBytes() as [UInt8])
        }
        let all = Query.listTenants(after: [], maximum: 1_000)
        #expect(try query { $0.listTenants = .init() } == all)
        #expect(try query { $0.listTenants.max = 5_000 } == all)
        let listing = ObjectListing(bucket: Samples.bytes("abc"), maximum: 1_000)
        #expect(
            try query { $0.listObjects.bucket = .init("abc".utf8) } == .listObjects(listing)
        )
        var empty = listing
        empty.maximum = 0
        #expect(
            try query {
                $0.listObjects.bucket = .init("abc".utf8)
                $0.listObjects.max = 0
            } == .listObjects(empty)
        )
    }

    @Test
    func `deadlines are defaulted and capped`() {
        var request = Samples.requests[0]
        request.deadlineMilliseconds = 0
        #expect(request.effectiveDeadlineMilliseconds == 5_000)
        request.deadlineMilliseconds = .max
        #expect(request.effectiveDeadlineMilliseconds == 60_000)
        request.deadlineMilliseconds = 7
        #expect(request.effectiveDeadlineMilliseconds == 7)
    }
}
