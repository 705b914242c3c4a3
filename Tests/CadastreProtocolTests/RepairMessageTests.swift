import CadastreProtocol
import RaftCore
import Testing

/// What nodes say about a damaged journal, byte by byte.
@Suite
struct RepairMessageTests {
    private static let hash = EntryHash(1, 2, 3, .max)

    private static let bodies: [RepairMessage.Body] = [
        .fetch, .unavailable, .entries([[1, 2], [], [3]], previousHash: EntryHash(4, 5, 6, 7)),
    ]

    @Test
    func `each kind comes back as it was said`() throws {
        for body in Self.bodies {
            let message = RepairMessage(LogIndex(9), Self.hash, body)
            #expect(try RepairMessage(decoding: message.encode()) == message)
        }
    }

    @Test
    func `the layout is what it says`() {
        let bytes = RepairMessage(LogIndex(0x0102), Self.hash, Self.bodies[2]).encode()
        #expect(bytes.count == RepairMessage.fixedSize + 12 + 3)
        #expect(bytes[0..<8] == [2, 1, 0, 0, 3, 0, 0, 0])
        #expect(bytes[8..<16] == [2, 1, 0, 0, 0, 0, 0, 0])
        #expect(bytes[16..<24] == [1, 0, 0, 0, 0, 0, 0, 0])
        #expect(bytes[40..<48].allSatisfy { $0 == 0xFF })
        #expect(bytes[48..<56] == [4, 0, 0, 0, 0, 0, 0, 0])
        #expect(bytes[80...] == [2, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 3])
    }

    /// No bytes make it trap, and what is read has one encoding.
    @Test
    func `any flipped bit and any cut is another message or none`() {
        for body in Self.bodies {
            let bytes = RepairMessage(LogIndex(9), Self.hash, body).encode()
            for place in bytes.indices {
                for bit in 0..<8 {
                    var bent = bytes
                    bent[place] ^= 1 << UInt8(bit)
                    guard let message = try? RepairMessage(decoding: bent) else { continue }
                    #expect(message.encode() == bent)
                }
                #expect(throws: ProtocolError.self) {
                    try RepairMessage(decoding: Array(bytes[..<place]))
                }
            }
            #expect(throws: ProtocolError.self) { try RepairMessage(decoding: bytes + [0]) }
        }
    }

    @Test
    func `numbers and sizes beyond the bytes that came are refused`() {
        let bytes = RepairMessage(LogIndex(9), Self.hash, Self.bodies[2]).encode()
        for (place, value) in [(7, 0xFF), (83, 0xFF), (4, 0), (4, 4), (15, 0xFF)] {
            var bent = bytes
            bent[place] = UInt8(value)
            #expect(throws: ProtocolError.self) { try RepairMessage(decoding: bent) }
        }
    }
}
