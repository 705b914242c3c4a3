import CadastreProtocol
import Testing

@testable import CadastreStateMachine

/// The bytes of an object's body in its row.
///
/// A row's hash is compared before they are read, so what is damaged does not come here; what a
/// defect wrote may.
@Suite
struct ObjectBodyTests {
    private static let put = PutObject(
        bucket: Array("scans".utf8),
        key: Array("a".utf8),
        size: 7,
        etag: [1, 2],
        checksum: Checksum(algorithm: .sha256, value: Array(0..<32)),
        contentType: Array("application/dicom".utf8),
        metadata: [Attribute(name: [1], value: [2, 3]), Attribute(name: [4], value: [])],
        tags: [Attribute(name: [5, 6], value: [7])],
        locations: Array(repeating: 9, count: 70_000)
    )

    /// The object with this body, its key one byte and its entity tag two.
    private func record(_ body: [UInt8]) -> ObjectRecord? {
        ObjectRecord(
            [8, 1, 2] + body,
            keySize: 1,
            bodySize: body.count,
            sequence: 3,
            size: 7,
            modified: 4
        )
    }

    @Test
    func `reads what it wrote`() throws {
        let object = try #require(record(ObjectBody.encode(Self.put)))
        #expect(object.key == [8])
        #expect(object.etag == [1, 2])
        #expect(object.sequence == 3)
        #expect(object.size == 7)
        #expect(object.modifiedMilliseconds == 4)
        #expect(object.checksum == Self.put.checksum)
        #expect(object.contentType == Self.put.contentType)
        #expect(object.metadata == Self.put.metadata)
        #expect(object.tags == Self.put.tags)
        #expect(object.locations == Self.put.locations)
    }

    @Test
    func `reads the smallest, and nothing smaller`() throws {
        let put = PutObject(bucket: Array("scans".utf8), key: Array("a".utf8), size: 7)
        let bytes = ObjectBody.encode(put)
        #expect(bytes.count == 16)
        let body = try #require(record(bytes))
        #expect(body.checksum == nil)
        #expect(body.contentType.isEmpty && body.locations.isEmpty)
        #expect(body.metadata.isEmpty && body.tags.isEmpty)
        #expect(record(Array(bytes.prefix(15))) == nil)
    }

    @Test
    func `reads no part of it and nothing with more behind`() {
        let bytes = ObjectBody.encode(Self.put)
        for size in Array(0..<100) + [bytes.count - 20, bytes.count - 1] {
            #expect(record(Array(bytes.prefix(size))) == nil, "\(size) bytes")
        }
        #expect(record(bytes + [0]) == nil)
    }

    @Test
    func `reads no other header`() {
        let bytes = ObjectBody.encode(Self.put)
        for place in 0..<16 {
            for value in UInt8.min...UInt8.max where value != bytes[place] {
                var changed = bytes
                changed[place] = value
                #expect(record(changed) == nil, "byte \(place) is \(value)")
            }
        }
    }
}
