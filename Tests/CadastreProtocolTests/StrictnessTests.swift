import RaftCore
import Testing

@testable import CadastreProtocol

/// What the generated code would take and we do not, and what we skip.
@Suite
struct StrictnessTests {
    private func refusal(command bytes: [UInt8]) -> Refusal? {
        LimitTests.refusal { () throws(ProtocolError) in _ = try Command(decoding: bytes) }
    }

    private func refusal(query bytes: [UInt8]) -> Refusal? {
        LimitTests.refusal { () throws(ProtocolError) in _ = try Query(decoding: bytes) }
    }

    /// A command whose message is these bytes.
    private func command(_ tag: CommandTag, _ content: [UInt8]) -> [UInt8] {
        [tag.rawValue << 3 | 2, UInt8(content.count)] + content
    }

    @Test(arguments: CommandTag.allCases)
    func `an unknown field in any command is refused`(tag: CommandTag) throws {
        var content: [UInt8] = []
        let envelope = Samples.envelope(tag)
        let whole = Samples.command(tag).encode()
        // Behind the content of the envelope, where the message ends with the envelope.
        content = envelope.encode() + [0xA0, 0x06, 0x01]
        let size = UInt32(content.count)
        withUnsafeBytes(of: size.littleEndian) { content.replaceSubrange(0..<4, with: $0) }
        #expect(
            LimitTests.refusal { () throws(ProtocolError) in
                _ = try CommandEnvelope(decoding: content)
            } == .notSupported
        )
        // Behind the command in the outer message: a second command, or none that is known.
        #expect(refusal(command: whole + [0xA0, 0x06, 0x01]) == .malformed)
        #expect(refusal(command: whole + whole) == .malformed)
    }

    @Test(arguments: CommandTag.allCases)
    func `a command is allowed from its feature level on`(tag: CommandTag) {
        func refusal(at level: UInt32) -> Refusal? {
            LimitTests.refusal { () throws(ProtocolError) in
                try tag.checkIsAllowed(atFeatureLevel: level)
            }
        }
        #expect(refusal(at: tag.neededFeatureLevel) == nil)
        #expect(refusal(at: FeatureLevel.current) == nil)
        #expect(refusal(at: tag.neededFeatureLevel - 1) == .notSupported)
    }

    @Test
    func `nothing and the unknown are unknown verbs`() {
        #expect(refusal(command: []) == .unknownVerb)
        #expect(refusal(command: [15 << 3 | 2, 0]) == .unknownVerb)
        #expect(refusal(query: []) == .unknownVerb)
        #expect(refusal(query: [9 << 3 | 2, 0]) == .unknownVerb)
    }

    @Test(arguments: QueryTag.allCases)
    func `an unknown field in any query is refused`(tag: QueryTag) {
        let bytes: [UInt8] = [tag.rawValue << 3 | 2, 3, 0xA0, 0x06, 0x01]
        #expect(refusal(query: bytes) == .notSupported)
    }

    @Test
    func `unknown fields of administration are refused`() {
        for bytes: [UInt8] in [[0x0A, 0, 0xA0, 0x06, 0x01], [0x0A, 3, 0xA0, 0x06, 0x01]] {
            #expect(
                LimitTests.refusal { () throws(ProtocolError) in
                    _ = try AdministrationRequest(decoding: bytes)
                } == .notSupported
            )
        }
    }

    @Test(
        arguments: [
            [0xA0, 0x06, 0x01], [0xA2, 0x06, 0x01, 0xFF], [0xA5, 0x06, 1, 2, 3, 4],
            [0xA1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8],
        ] as [[UInt8]]
    )
    func `a client skips fields that a newer node adds`(field: [UInt8]) throws {
        let usage = Answer.usage(Usage(buckets: 1, objects: 2, bytes: 3))
        var bytes = usage.encode()
        bytes += field
        bytes[1] += UInt8(field.count)
        #expect(try Answer(decoding: bytes) == usage)
    }

    @Test
    func `enumerations must be given and known`() {
        let name: [UInt8] = [0x0A, 1, 0x61]
        #expect(refusal(command: command(.setTenantStatus, name)) == .invalidValue)
        #expect(refusal(command: command(.setTenantStatus, name + [0x10, 0])) == .invalidValue)
        #expect(refusal(command: command(.setTenantStatus, name + [0x10, 2])) == nil)
        #expect(refusal(command: command(.setTenantStatus, name + [0x10, 3])) == .notSupported)
        let object: [UInt8] = [0x0A, 3, 0x61, 0x62, 0x63, 0x12, 1, 0]
        #expect(refusal(command: command(.putObject, object)) == nil)
        #expect(refusal(command: command(.putObject, object + [0x2A, 0])) == .invalidValue)
        #expect(
            refusal(command: command(.putObject, object + [0x2A, 2, 8, 5])) == .notSupported
        )
    }

    @Test
    func `a condition must be one, and meant`() {
        let object: [UInt8] = [0x0A, 3, 0x61, 0x62, 0x63, 0x12, 1, 0]
        func condition(_ bytes: [UInt8]) -> Refusal? {
            refusal(command: command(.deleteObject, object + [0x1A, UInt8(bytes.count)] + bytes))
        }
        #expect(condition([0x08, 1]) == nil)
        #expect(condition([]) == .invalidValue)
        #expect(condition([0x08, 0]) == .invalidValue)
        #expect(condition([0x08, 1, 0x10, 1]) == .malformed)
    }

    @Test
    func `fields may come in any order, but once`() throws {
        let (tenant, service): ([UInt8], [UInt8]) = ([0x0A, 1, 0x61], [0x12, 1, 0x62])
        let expected = Command.grantService(GrantService(tenant: [0x61], service: [0x62]))
        #expect(try Command(decoding: command(.grantService, service + tenant)) == expected)
        #expect(
            refusal(command: command(.grantService, tenant + service + tenant)) == .malformed
        )
    }

    @Test
    func `wrong wire types and endless integers are malformed`() {
        #expect(refusal(command: command(.deleteTenant, [0x08, 1])) == .malformed)
        #expect(refusal(command: command(.deleteTenant, [0x0B])) == .malformed)
        #expect(refusal(command: command(.deleteTenant, [0x02, 1, 0x61])) == .malformed)
        let most: [UInt8] = Array(repeating: 0xFF, count: 9)
        #expect(refusal(command: command(.expireSession, [0x08] + most + [0x01])) == nil)
        #expect(refusal(command: command(.expireSession, [0x08] + most + [0x02])) == .malformed)
        #expect(
            refusal(command: command(.expireSession, [0x08] + most + [0x80, 0x01])) == .malformed
        )
        #expect(
            refusal(command: command(.openSession, [0x08] + most + [0x01])) == .invalidValue
        )
        // A size near 2^63 must not overflow where it is added.
        #expect(
            refusal(command: command(.deleteTenant, [0x0A] + most + [0x01])) == .malformed
        )
    }

    @Test
    func `a longer spelling of an integer becomes the shortest`() throws {
        let bytes = command(.expireSession, [0x08, 0x85, 0x80, 0x00])
        #expect(try Command(decoding: bytes).encode() == command(.expireSession, [0x08, 5]))
    }

    @Test
    func `a batch has operations, each of one kind, and the error names the one that is wrong`()
        throws
    {
        let delete: [UInt8] = [0x12, 8, 0x0A, 3, 0x61, 0x62, 0x63, 0x12, 1, 0]
        func batch(_ operations: [UInt8]...) throws(ProtocolError) -> Command {
            let content = operations.flatMap { part -> [UInt8] in
                [0x0A, UInt8(part.count)] + part
            }
            return try Command(decoding: command(.batch, content))
        }
        let one = DeleteObject(bucket: Array("abc".utf8), key: [0])
        #expect(try batch(delete, delete) == .batch(Batch([.delete(one), .delete(one)])))
        #expect(throws: ProtocolError.self) { try batch() }
        #expect(throws: ProtocolError.self) { try batch(delete, []) }
        #expect(throws: ProtocolError.self) { try batch(delete + delete) }
        #expect(throws: ProtocolError.self) { try batch(delete + [0x18, 1]) }
        // Without a key.
        let error = #expect(throws: ProtocolError.self) {
            try batch(delete, [0x12, 5, 0x0A, 3, 0x61, 0x62, 0x63])
        }
        #expect(error?.refusal == .invalidKey)
        #expect(error?.detail.hasPrefix("operation 2: ") == true)
    }

    @Test
    func `a batch has a thousand operations at most`() throws {
        let delete = Batch.Operation.delete(DeleteObject(bucket: Array("abc".utf8), key: [0]))
        func refusal(_ count: Int) -> Refusal? {
            let batch = Command.batch(Batch(Array(repeating: delete, count: count)))
            return self.refusal(command: batch.encode())
        }
        #expect(refusal(1_000) == nil)
        #expect(refusal(1_001) == .invalidValue)
    }

    @Test
    func `only a refusal names an operation`() throws {
        let refused = ReplyMessage(outcome: .refused(.preconditionFailed), operation: 1_000)
        #expect(try ReplyMessage(decoding: refused.encode()) == refused)
        let done = ReplyMessage(outcome: .done(.command(.done())), operation: 1)
        #expect(throws: ProtocolError.self) { try ReplyMessage(decoding: done.encode()) }
    }

    @Test
    func `entries of a list are checked whole before any of them is looked at`() throws {
        func page(_ items: [UInt8]...) throws -> ObjectPage? {
            let page = items.flatMap { item -> [UInt8] in [0x0A, UInt8(item.count)] + item }
            let answer = try Answer(decoding: [6 << 3 | 2, UInt8(page.count)] + page)
            guard case .objects(let page) = answer else { return nil }
            return page
        }
        let prefix: [UInt8] = [0x12, 1, 0x61]
        // A newer node says more of an entry, and an integer is longer than it must be.
        let object: [UInt8] = [0x0A, 8, 0x0A, 1, 0x62, 0x18, 0x85, 0x00, 0x50, 0x07]
        let read = try #require(try page(prefix, object))
        #expect(read.items.count == 2)
        #expect(
            Array(read.items) == [
                .commonPrefix([0x61]),
                .object(key: [0x62], sequence: 0, size: 5, etag: [], modifiedMilliseconds: 0),
            ]
        )
        #expect(throws: ProtocolError.self) { try page(prefix, []) }
        #expect(throws: ProtocolError.self) { try page(prefix, prefix + prefix) }
        #expect(throws: ProtocolError.self) { try page([0x0A, 3, 0x0A, 9, 0x62], prefix) }
        #expect(throws: ProtocolError.self) { try page([0x0A, 4, 0x0A, 1, 0x62, 0x18]) }
    }

    @Test
    func `what stands between the entries of a list is none of them`() throws {
        func varint(_ value: Int) -> [UInt8] { [UInt8(value & 0x7F | 0x80), UInt8(value >> 7)] }
        func page(_ fields: [UInt8]...) throws -> ObjectPage? {
            let page = fields.flatMap { $0 }
            let answer = try Answer(decoding: [6 << 3 | 2] + varint(page.count) + page)
            guard case .objects(let page) = answer else { return nil }
            return page
        }
        let items = (0..<4).map { ListItem.commonPrefix([0x61, UInt8($0)]) }
        let (a, b, c, d) = (
            ListItems(items[0..<1]).encoded, ListItems(items[1..<2]).encoded,
            ListItems(items[2..<3]).encoded, ListItems(items[3..<4]).encoded
        )
        // A field of a newer node, as an integer and as bytes; a truth, and a place to go on at.
        let (unknown, more): ([UInt8], [UInt8]) = ([10 << 3, 5], [11 << 3 | 2, 2, 0x0A, 0x00])
        let (isTruncated, next): ([UInt8], [UInt8]) = ([2 << 3, 1], [3 << 3 | 2, 1, 0x7A])
        let together = try #require(try page(a, b, c, d, isTruncated, next))
        #expect(Array(together.items) == items)
        let apart = try #require(
            try page(unknown, a, isTruncated, b, more, c, next, unknown, d, more)
        )
        #expect(Array(apart.items) == items)
        #expect(apart == together)
        #expect(Answer.objects(apart).encode() == Answer.objects(together).encode())
    }

    @Test(arguments: [[], [10 << 3, 5]] as [[UInt8]])
    func `a list has a thousand entries at most, however they are written`(between: [UInt8]) throws
    {
        func answer(_ count: Int) throws -> Answer {
            let entry = ListItems([.commonPrefix([0x61])]).encoded
            let half = (0..<count / 2).flatMap { _ in entry }
            let page = half + between + half + (count % 2 == 0 ? [] : entry)
            var bytes: [UInt8] = [6 << 3 | 2]
            bytes += [UInt8(page.count & 0x7F | 0x80), UInt8(page.count >> 7)]
            return try Answer(decoding: bytes + page)
        }
        guard case .objects(let page) = try answer(1_000) else {
            Issue.record("another answer")
            return
        }
        #expect(page.items.count == 1_000)
        #expect(throws: ProtocolError.self) { try answer(1_001) }
    }

    @Test
    func `an entry of the largest parts is written, and an integer of every size`() throws {
        for bits in 0..<64 {
            for value in [1 << UInt64(bits), (1 << UInt64(bits)) - 1, ~0 >> UInt64(bits)]
                as [UInt64]
            {
                let item = ListItem.object(
                    key: [UInt8](repeating: 1, count: 1_024),
                    sequence: value,
                    size: value,
                    etag: [UInt8](repeating: 2, count: ProtocolLimits.maximumEntityTagSize),
                    modifiedMilliseconds: value
                )
                #expect(Array(ListItems([item])) == [item])
            }
        }
    }

    /// An entry is checked in one of two ways: what the quick one takes, the strict one takes.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `an entry taken for one that a node wrote is an entry`(seed: UInt64) throws {
        var generator = Generator(seed: seed)
        func isPlain(_ bytes: [UInt8]) -> Bool {
            PlainListedObject.fills(0..<bytes.count, of: bytes.span)
        }
        func isEntry(_ bytes: [UInt8]) -> Bool {
            let reader = FieldReader("ObjectListItem", 0..<bytes.count, unknownFields: .skipped)
            return (try? ListItems.check(reader, in: bytes.span)) != nil
        }
        var (plain, altered) = (0, 0)
        for _ in 0..<500 {
            guard case .objects(let page) = generator.answer(.listObjects) else { continue }
            for item in page.items {
                // Key and length of the element, which the entry fills.
                let whole = ListItems([item]).encoded
                let entry = Array(whole[(whole[1] < 0x80 ? 2 : 3)...])
                try #require(isEntry(entry))
                // Numbers of changes begin at 1; the strict way has room for those above.
                guard case .object(_, let sequence, _, _, _) = item, sequence < 1 << 63 else {
                    try #require(!isPlain(entry))
                    continue
                }
                try #require(isPlain(entry))
                plain += 1
                for _ in 0..<20 {
                    var bytes = entry
                    let place = generator.number(0...bytes.count - 1)
                    switch generator.number(0...3) {
                    case 0: bytes[place] = UInt8(generator.number(0...255))
                    case 1: bytes[place] ^= 1 << UInt8(generator.number(0...7))
                    case 2: bytes.remove(at: place)
                    default: bytes.insert(UInt8(generator.number(0...255)), at: place)
                    }
                    guard isPlain(bytes) else { continue }
                    altered += 1
                    try #require(isEntry(bytes), "\(bytes)")
                }
            }
        }
        #expect(plain > 100 && altered > 100)
    }

    @Test
    func `terms and indices of peers are bounded`() throws {
        for sample in Samples.messageBodies {
            var bytes = Samples.peer(sample.body).encode()
            bytes.replaceSubrange(24..<32, with: [0, 0, 0, 0, 0, 0, 0, 0x40])
            let group = GroupID(0)
            let message = try PeerMessage(decoding: bytes, group: group).message
            #expect(message.term.value == Limits.maximumTerm)
            bytes[24] = 1
            #expect(throws: ProtocolError.self) { try PeerMessage(decoding: bytes, group: group) }
        }
    }

    @Test
    func `entries that a peer announces are bounded before memory is reserved`() {
        let body = Samples.messageBodies[2].body
        for (offset, value) in [(98, UInt8(1)), (99, 0xFF), (107, 0xFF), (106, 0x41)] {
            var bytes = Samples.peer(body).encode()
            bytes[offset] = value
            #expect(throws: ProtocolError.self) {
                try PeerMessage(decoding: bytes, group: GroupID(0))
            }
        }
    }
}
