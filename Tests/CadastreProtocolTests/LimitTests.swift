import CadastreProtocol
import RaftCore
import Testing

@Suite
struct LimitTests {
    typealias Bound = ProtocolLimits

    @Test
    func `limits fit into one another`() {
        let overhead = Bound.maximumEnvelopeOverhead
        #expect(Bound.maximumCommandSize + overhead < Limits.maximumEntrySize)
        let message =
            PeerMessage.fixedSize + 64 + 4 * Limits.maximumEntriesPerMessage
            + max(Limits.maximumEntrySize, Limits.maximumAppendSize)
        #expect(message <= Bound.maximumFrameBody)
        let request = RequestMessage.fixedSize + Bound.nameSize.upperBound
        #expect(request + Bound.maximumCommandSize <= Bound.maximumFrameBody)
        let item =
            Bound.keySize.upperBound + Bound.maximumEntityTagSize + 64
        let reply =
            ReplyMessage.fixedSize + Bound.maximumAddressSize + Bound.maximumDetailSize
            + Bound.maximumPage * item
        #expect(reply <= Bound.maximumFrameBody)
        #expect(Bound.maximumPieceSize < Bound.maximumFrameBody)
        #expect(FrameHeader.size + Bound.maximumFrameBody <= Int(UInt32.max))
        #expect(Bound.maximumInFlightPerConnection <= Bound.maximumInFlightPerTenant)
        #expect(Bound.defaultDeadlineMilliseconds <= Bound.maximumDeadlineMilliseconds)
        #expect(Bound.maximumClockSamples >= Limits.maximumMembers)
    }

    /// One field of a put at its limit and beyond it.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var limit: Int
        var refusal: Refusal = .invalidValue
        var change: @Sendable (inout PutObject, Int) -> Void
        var testDescription: String { name }
    }

    private static func pairs(_ count: Int) -> [CadastreProtocol.Attribute] {
        (0..<count).map { Attribute(name: [UInt8($0)], value: []) }
    }

    static let cases: [Case] = [
        Case(name: "key", limit: 1_024, refusal: .invalidKey) {
            $0.key = Array(repeating: 0, count: $1)
        },
        Case(name: "bucket", limit: 63, refusal: .invalidName) {
            $0.bucket = Array(repeating: 0x61, count: $1)
        },
        Case(name: "etag", limit: 128) { $0.etag = Array(repeating: 0, count: $1) },
        Case(name: "content type", limit: 256) {
            $0.contentType = Array(repeating: 0, count: $1)
        },
        Case(name: "metadata pairs", limit: 64) { $0.metadata = pairs($1) },
        Case(name: "metadata size", limit: 2_048) {
            $0.metadata = [
                Attribute(name: [1], value: Array(repeating: 0, count: 1_000)),
                Attribute(name: [2], value: Array(repeating: 0, count: $1 - 1_002)),
            ]
        },
        Case(name: "tags", limit: 10) { $0.tags = pairs($1) },
        Case(name: "tag name", limit: 128) {
            $0.tags = [Attribute(name: Array(repeating: 1, count: $1), value: [])]
        },
        Case(name: "tag value", limit: 256) {
            $0.tags = [Attribute(name: [1], value: Array(repeating: 1, count: $1))]
        },
        Case(name: "locations", limit: 65_536) {
            $0.locations = Array(repeating: 0, count: $1)
        },
        Case(name: "if-match tags", limit: 16) {
            $0.precondition = .ifMatch(Array(repeating: [1], count: $1))
        },
        Case(name: "if-match tag", limit: 128) {
            $0.precondition = .ifMatch([Array(repeating: 1, count: $1)])
        },
        Case(name: "checksum", limit: 4) {
            $0.checksum = Checksum(algorithm: .crc32c, value: Array(repeating: 1, count: $1))
        },
        Case(name: "size", limit: 1 << 62) { $0.size = UInt64($1) },
        Case(name: "modified", limit: 1 << 62) { $0.modifiedMilliseconds = UInt64($1) },
    ]

    @Test(arguments: cases)
    func `a put is taken at the limit and refused beyond it`(limit: Case) throws {
        var put = Samples.put
        limit.change(&put, limit.limit)
        let command = Command.putObject(put)
        #expect(try Command(decoding: command.encode()) == command)
        limit.change(&put, limit.limit + 1)
        let beyond = Command.putObject(put)
        #expect(Self.refusal { () throws(ProtocolError) in try beyond.validate() } == limit.refusal)
        #expect(Self.decoded(beyond) == limit.refusal)
    }

    @Test
    func `values below their limits are refused`() {
        func put(_ change: (inout PutObject) -> Void) -> Refusal? {
            var put = Samples.put
            change(&put)
            return Self.decoded(.putObject(put))
        }
        #expect(put { _ in } == nil)
        #expect(put { $0.key = [] } == .invalidKey)
        #expect(put { $0.bucket = Samples.bytes("ab") } == .invalidName)
        #expect(put { $0.precondition = .ifMatch([]) } == .invalidValue)
        #expect(put { $0.tags = [Attribute(name: [], value: [])] } == .invalidValue)
        #expect(put { $0.metadata = [Attribute(name: [], value: [])] } == .invalidValue)
        #expect(
            put { $0.checksum = Checksum(algorithm: .sha256, value: [1]) } == .invalidValue
        )
        #expect(Self.decoded(.openSession(OpenSession(slots: 0))) == .invalidValue)
        #expect(Self.decoded(.openSession(OpenSession(slots: 1_024))) == nil)
        #expect(Self.decoded(.openSession(OpenSession(slots: 1_025))) == .invalidValue)
    }

    @Test
    func `names must ascend, each once`() {
        func metadata(_ names: [String]) -> Refusal? {
            var put = Samples.put
            put.metadata = names.map { Attribute(name: Samples.bytes($0), value: []) }
            let asMetadata = Self.decoded(.putObject(put))
            put.metadata = []
            put.tags = names.map { Attribute(name: Samples.bytes($0), value: []) }
            let asTags = Self.decoded(.putObject(put))
            return asMetadata == asTags ? asMetadata : .unknownVerb
        }
        #expect(metadata(["a", "ab", "b"]) == nil)
        #expect(metadata(["a", "a"]) == .invalidValue)
        #expect(metadata(["b", "a"]) == .invalidValue)
    }

    @Test(arguments: [
        ("abc", true), ("a-b.c", true), ("1-2", true), ("ab", false), ("-ab", false),
        ("ab-", false), (".ab", false), ("Abc", false), ("a_b", false), ("a b", false),
        ("aé0", false), ("", false),
    ])
    func `bucket names follow their rule`(name: String, isValid: Bool) {
        let refusal = Self.decoded(.createBucket(CreateBucket(name: Samples.bytes(name))))
        #expect(refusal == (isValid ? nil : .invalidName))
    }

    @Test(arguments: [
        ("a", true), ("a_b-c.9", true), ("-", true), ("A", false), ("a b", false),
        ("a/b", false), ("é", false), ("", false),
    ])
    func `names of tenants and services follow their rule`(name: String, isValid: Bool) {
        let bytes = Samples.bytes(name)
        let expected: Refusal? = isValid ? nil : .invalidName
        let good = Samples.bytes("ok")
        #expect(Self.decoded(.deleteTenant(DeleteTenant(name: bytes))) == expected)
        #expect(
            Self.decoded(.grantService(GrantService(tenant: bytes, service: good))) == expected
        )
        #expect(
            Self.decoded(.grantService(GrantService(tenant: good, service: bytes))) == expected
        )
    }

    @Test
    func `names end at 64 bytes and quotas at 2^62`() {
        func create(_ size: Int, _ quota: UInt64?) -> Refusal? {
            let name = Array(repeating: UInt8(0x61), count: size)
            return Self.decoded(
                .createTenant(CreateTenant(name: name, quota: Quota(buckets: quota)))
            )
        }
        #expect(create(64, 1 << 62) == nil)
        #expect(create(65, nil) == .invalidName)
        #expect(create(64, 1 << 62 + 1) == .invalidValue)
    }

    @Test
    func `a tick has 1 to 16 samples of nodes that ascend`() {
        func tick(_ nodes: [UInt64], wall: UInt64 = 5) -> Refusal? {
            Self.decoded(
                .tick(Tick(samples: nodes.map { ClockSample(node: $0, wallMilliseconds: wall) }))
            )
        }
        func mark(_ index: UInt64) -> Refusal? {
            Self.decoded(
                .tick(
                    Tick(
                        samples: [ClockSample(node: 1, wallMilliseconds: 5)],
                        mark: TickMark(index: index, digestHigh: .max, digestLow: 0)
                    )
                )
            )
        }
        #expect(mark(1) == nil && mark(1 << 62) == nil)
        #expect(mark(0) == .invalidValue && mark(1 << 62 + 1) == .invalidValue)
        #expect(tick(Array(1...16)) == nil)
        #expect(tick(Array(1...17)) == .invalidValue)
        #expect(tick([]) == .invalidValue)
        #expect(tick([0]) == .invalidValue)
        #expect(tick([2, 2]) == .invalidValue)
        #expect(tick([2, 1]) == .invalidValue)
        #expect(tick([1], wall: 1 << 62) == nil)
        #expect(tick([1], wall: 1 << 62 + 1) == .invalidValue)
    }

    @Test
    func `the whole is bounded before it is looked at`() {
        let large = [UInt8](repeating: 0, count: Bound.maximumCommandSize + 1)
        #expect(
            Self.refusal { () throws(ProtocolError) in _ = try Command(decoding: large) }
                == .tooLarge
        )
        let query = [UInt8](repeating: 0, count: Bound.maximumQuerySize + 1)
        #expect(
            Self.refusal { () throws(ProtocolError) in _ = try Query(decoding: query) } == .tooLarge
        )
        let administration = [UInt8](repeating: 0, count: Bound.maximumAdministrationSize + 1)
        #expect(
            Self.refusal { () throws(ProtocolError) in
                _ = try AdministrationRequest(decoding: administration)
            } == .tooLarge
        )
    }

    /// Two bytes an element: a message of 4 MiB must not become a hundred times as much.
    @Test
    func `an answer with more than a page of elements is refused`() throws {
        let page = Page(elements: Array(repeating: [UInt8(0x61)], count: 1_000), isTruncated: true)
        let largest = Answer.grants(page)
        #expect(try Answer(decoding: largest.encode()) == largest)
        var beyond = page
        beyond.elements.append([0x61])
        let bytes = Answer.grants(beyond).encode()
        #expect(
            Self.refusal { () throws(ProtocolError) in _ = try Answer(decoding: bytes) }
                == .invalidValue
        )
    }

    static func decoded(_ command: Command) -> Refusal? {
        let bytes = command.encode()
        return refusal { () throws(ProtocolError) in _ = try Command(decoding: bytes) }
    }

    static func refusal(_ body: () throws(ProtocolError) -> Void) -> Refusal? {
        do throws(ProtocolError) {
            try body()
            return nil
        } catch {
            return error.refusal
        }
    }
}
