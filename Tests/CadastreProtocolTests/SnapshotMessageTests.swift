import CadastreProtocol
import RaftCore
import Testing

/// What nodes say about snapshots, byte by byte.
@Suite
struct SnapshotMessageTests {
    private static let name = SnapshotName(1, 2, 3, UInt64.max)
    private static let position = LogPosition(index: LogIndex(0x0102), term: Term(3))

    static let bodies: [SnapshotMessage.Body] = [
        .offer(position), .fetchManifest, .manifest([9, 8]), .fetchChunk(7), .chunk(7, [1, 2, 3]),
        .gone, .taken, .declined,
    ]

    @Test
    func `each kind comes back as it was said`() throws {
        for body in Self.bodies {
            let message = SnapshotMessage(Self.name, body)
            #expect(try SnapshotMessage(decoding: message.encode()) == message)
        }
    }

    @Test
    func `the layout is what it says`() {
        let bytes = SnapshotMessage(Self.name, .chunk(0x0A0B, [0xEE])).encode()
        #expect(bytes.count == SnapshotMessage.fixedSize + 1)
        #expect(bytes[0..<8] == [5, 1, 0, 0, 0x0B, 0x0A, 0, 0])
        #expect(bytes[8..<16] == [1, 0, 0, 0, 0, 0, 0, 0])
        #expect(bytes[32..<40].allSatisfy { $0 == 0xFF })
        #expect(bytes[40..<56].allSatisfy { $0 == 0 })
        #expect(bytes.last == 0xEE)
        let offer = SnapshotMessage(Self.name, .offer(Self.position)).encode()
        #expect(offer[40..<48] == [2, 1, 0, 0, 0, 0, 0, 0])
        #expect(offer[48..<56] == [3, 0, 0, 0, 0, 0, 0, 0])
    }

    /// No bytes make it trap, and what is read has one encoding.
    @Test
    func `any flipped bit and any cut is another message or none`() {
        for body in Self.bodies {
            let bytes = SnapshotMessage(Self.name, body).encode()
            for length in 0..<SnapshotMessage.fixedSize {
                #expect(throws: ProtocolError.self) {
                    try SnapshotMessage(decoding: Array(bytes.prefix(length)))
                }
            }
            for bit in 0..<bytes.count * 8 {
                var flipped = bytes
                flipped[bit / 8] ^= 1 << (bit % 8)
                guard let message = try? SnapshotMessage(decoding: flipped) else { continue }
                #expect(message.encode() == flipped)
            }
        }
    }
}
