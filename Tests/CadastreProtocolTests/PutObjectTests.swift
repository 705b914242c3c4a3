import Testing

@testable import CadastreProtocol

/// The parts of a put, which lie in one piece of memory and perhaps in that of others.
@Suite
struct PutObjectTests {
    /// Changes of one thing each, so that the result is another put.
    private static let changes: [(name: String, change: @Sendable (inout PutObject) -> Void)] = [
        ("bucket", { $0.bucket = Samples.bytes("other") }),
        ("key", { $0.key += [0] }),
        ("a shorter key", { $0.key.removeLast() }),
        ("size", { $0.size += 1 }),
        ("etag", { $0.etag = [] }),
        ("checksum", { $0.checksum = nil }),
        ("the checksum's algorithm", { $0.checksum?.algorithm = .sha1 }),
        ("the checksum's value", { $0.checksum?.value[0] ^= 1 }),
        ("content type", { $0.contentType += [0x21] }),
        ("metadata", { $0.metadata[0].value = [] }),
        ("tags", { $0.tags = [] }),
        ("locations", { $0.locations[3] = 0 }),
        ("precondition", { $0.precondition = nil }),
        ("time of change", { $0.modifiedMilliseconds = nil }),
    ]

    @Test(arguments: changes.indices)
    func `a change of one thing leaves the others and is seen`(place: Int) {
        let (name, change) = Self.changes[place]
        var put = Samples.put
        change(&put)
        #expect(put != Samples.put, "\(name)")
        #expect(fields(put).count(where: { !fields(Samples.put).contains($0) }) == 1, "\(name)")
    }

    @Test
    func `is what it was composed of`() {
        let put = PutObject(
            bucket: [1],
            key: [2, 2],
            size: 3,
            etag: [4],
            checksum: Checksum(algorithm: .crc32c, value: [5]),
            contentType: [6],
            locations: [7, 7]
        )
        #expect(put.bucket == [1] && put.key == [2, 2] && put.etag == [4])
        #expect(put.checksum == Checksum(algorithm: .crc32c, value: [5]))
        #expect(put.contentType == [6] && put.locations == [7, 7])
        #expect(put.memory == [1, 2, 2, 4, 5, 6, 7, 7])
    }

    @Test
    func `says the same wherever it lies`() throws {
        let envelope = CommandEnvelope(
            principal: .service(name: Samples.bytes("backup")),
            tenant: TenantID(7),
            identity: .none,
            command: .putObject(Samples.put)
        )
        let bytes = envelope.encode()
        let memory = [9, 9, 9] + bytes + [9]
        let read = try CommandEnvelope(decoding: 3..<3 + bytes.count, of: memory)
        #expect(read == envelope)
        #expect(read.hashValue == envelope.hashValue)
        #expect(read.encode() == bytes)
        guard case .putObject(let put) = read.command else {
            Issue.record("another command")
            return
        }
        // No copy of what was read, until something of it is another.
        let isShared = put.memory.span.isIdentical(to: memory.span)
        #expect(isShared)
        var changed = put
        changed.key = [1]
        #expect(changed.memory.count < bytes.count)
        #expect(changed.bucket == Samples.put.bucket && changed.locations == Samples.put.locations)
        #expect(put == Samples.put)
    }

    @Test(arguments: CommandTag.allCases)
    func `commands that lie side by side are those that they are alone`(tag: CommandTag) throws {
        for seed in 0..<50 as Range<UInt64> {
            var generator = Generator(seed: seed)
            var memory: [UInt8] = [1, 2, 3]
            var envelopes: [(range: Range<Int>, envelope: CommandEnvelope)] = []
            for _ in 0..<3 {
                let envelope = CommandEnvelope(
                    principal: .service(name: Samples.bytes("backup")),
                    tenant: TenantID(7),
                    identity: .slot(session: 1, slot: 2, sequence: 3),
                    command: generator.command(tag)
                )
                let bytes = envelope.encode()
                envelopes.append((memory.count..<memory.count + bytes.count, envelope))
                memory += bytes
            }
            for (range, envelope) in envelopes {
                #expect(try CommandEnvelope(decoding: range, of: memory) == envelope)
            }
        }
    }

    /// Each field by its name.
    private func fields(_ put: PutObject) -> [String] {
        [
            "bucket \(put.bucket)", "key \(put.key)", "size \(put.size)", "etag \(put.etag)",
            "checksum \(String(describing: put.checksum))", "content type \(put.contentType)",
            "metadata \(put.metadata)", "tags \(put.tags)", "locations \(put.locations)",
            "precondition \(String(describing: put.precondition))",
            "modified \(String(describing: put.modifiedMilliseconds))",
        ]
    }
}
