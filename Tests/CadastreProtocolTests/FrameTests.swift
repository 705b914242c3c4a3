import CadastreProtocol
import RaftCore
import Testing

@Suite
struct FrameTests {
    private static func message(_ id: UInt64, _ size: Int, kind: FrameKind = .request) -> [UInt8] {
        var bytes: [UInt8] = []
        Frame.append(
            kind,
            group: 7,
            requestID: id,
            body: body(id, size),
            to: &bytes
        )
        return bytes
    }

    private static func body(_ id: UInt64, _ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(id)) }
    }

    @Test
    func `every split of the bytes brings the same messages`() throws {
        let sizes = [0, 1, 23, 24, 40]
        let bytes = sizes.enumerated().flatMap { Self.message(UInt64($0), $1) }
        var atOnce = FrameAssembler()
        let whole = try atOnce.receive(bytes)
        #expect(whole.map(\.header.requestID) == [0, 1, 2, 3, 4])
        #expect(whole.allSatisfy { $0.header.group == 7 })
        #expect(whole.map(\.body) == sizes.enumerated().map { Self.body(UInt64($0), $1) })
        for first in 0...bytes.count {
            for second in first...bytes.count {
                var assembler = FrameAssembler()
                var messages = try assembler.receive(Array(bytes[..<first]))
                messages += try assembler.receive(Array(bytes[first..<second]))
                messages += try assembler.receive(Array(bytes[second...]))
                // One expectation for all splits: recording twenty thousand takes seconds.
                guard messages == whole, assembler.heldBytes == 0 else {
                    Issue.record("split at \(first) and \(second)")
                    return
                }
            }
        }
    }

    @Test
    func `byte by byte brings the same messages`() throws {
        let bytes = Self.message(1, 70_000) + Self.message(2, 3)
        var assembler = FrameAssembler()
        var messages: [AssembledMessage] = []
        for byte in bytes { messages += try assembler.receive([byte]) }
        #expect(messages.map(\.body) == [Self.body(1, 70_000), Self.body(2, 3)])
    }

    @Test(arguments: [65_536, 65_537, 131_073, 300_000])
    func `a large message is cut behind others as it is alone`(size: Int) {
        var bytes = Self.message(1, 100)
        Frame.append(.request, group: 7, requestID: 5, body: Self.body(5, size), to: &bytes)
        #expect(bytes == Self.message(1, 100) + Self.message(5, size))
    }

    @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 300_000])
    func `large messages are cut into pieces and come back`(size: Int) throws {
        let bytes = Self.message(5, size)
        #expect(bytes.count == Frame.encodedSize(ofBody: size))
        let frames = Frame.boundaries(in: bytes.span)
        #expect(frames.count == max(1, (size + 65_535) / 65_536))
        #expect(frames.allSatisfy { $0.count <= FrameHeader.size + 65_536 })
        var assembler = FrameAssembler()
        let messages = try assembler.receive(bytes)
        try #require(messages.count == 1)
        #expect(messages[0].body == Self.body(5, size))
        #expect(messages[0].header.bodySize == size)
        #expect(!messages[0].header.hasMorePieces)
    }

    @Test
    func `pieces of different messages alternate, and small ones go in between`() throws {
        let left = Self.message(1, 150_000)
        let right = Self.message(2, 150_000, kind: .peer)
        let small = Self.message(3, 10)
        var bytes: [UInt8] = []
        for (leftFrame, rightFrame) in zip(
            Frame.boundaries(in: left.span),
            Frame.boundaries(in: right.span)
        ) {
            bytes += left[leftFrame] + right[rightFrame] + small
        }
        var assembler = FrameAssembler()
        let messages = try assembler.receive(bytes)
        #expect(messages.map(\.header.requestID) == [3, 3, 1, 2, 3])
        #expect(messages[2].body == Self.body(1, 150_000))
        #expect(messages[3].body == Self.body(2, 150_000))
    }

    @Test
    func `a frame that lies whole within the bytes is not copied`() throws {
        let bytes = Self.message(1, 5) + Self.message(2, 100)
        var assembler = FrameAssembler()
        try bytes.withUnsafeBytes { whole in
            var places: [Int] = []
            try assembler.receive(bytes.span) { _, body throws(ProtocolError) in
                body.withUnsafeBytes { body in
                    if let start = body.baseAddress, let begin = whole.baseAddress {
                        places.append(start - begin)
                    }
                }
            }
            #expect(places == [24, 24 + 5 + 24])
        }
    }

    @Test
    func `a header that cannot be is refused before its body comes`() throws {
        func refusal(_ change: (inout [UInt8]) -> Void) -> Refusal? {
            var bytes = Array(Self.message(1, 0)[..<FrameHeader.size])
            change(&bytes)
            var assembler = FrameAssembler()
            do throws(ProtocolError) {
                _ = try assembler.receive(bytes)
                return nil
            } catch {
                return error.refusal
            }
        }
        #expect(refusal { _ in } == nil)
        #expect(refusal { $0.replaceSubrange(0..<4, with: [23, 0, 0, 0]) } == .malformed)
        #expect(refusal { $0.replaceSubrange(0..<4, with: [255, 255, 255, 255]) } == .tooLarge)
        #expect(refusal { $0[4] = 0 } == .notSupported)
        #expect(refusal { $0[5] = 2 } == .malformed)
        #expect(refusal { $0[6] = 1 } == .malformed)
        #expect(refusal { $0[15] = 1 } == .malformed)
    }

    @Test
    func `the largest body is taken and one byte more is refused`() throws {
        let maximum = ProtocolLimits.maximumFrameBody
        func header(_ size: Int) -> [UInt8] {
            withUnsafeBytes(of: UInt32(FrameHeader.size + size).littleEndian) { Array($0) }
                + Self.message(1, 0)[4..<FrameHeader.size]
        }
        let largest = try FrameHeader(decoding: header(maximum).span)
        #expect(largest.bodySize == maximum)
        #expect(throws: ProtocolError.self) { try FrameHeader(decoding: header(maximum + 1).span) }
    }

    @Test
    func `a fifth unfinished message ends the connection, for good`() throws {
        var assembler = FrameAssembler()
        for id in 1...UInt64(ProtocolLimits.maximumUnfinishedMessages) {
            let piece = Array(Self.message(id, 65_537)[..<(24 + 65_536)])
            #expect(try assembler.receive(piece).isEmpty)
        }
        let fifth = Array(Self.message(9, 65_537)[..<(24 + 65_536)])
        #expect(throws: ProtocolError.self) { try assembler.receive(fifth) }
        #expect(assembler.heldBytes == 0)
        #expect(throws: ProtocolError.self) { try assembler.receive(Self.message(1, 0)) }
    }

    @Test
    func `endless pieces end the connection within the limit`() throws {
        var frame: [UInt8] = []
        FrameHeader(kind: .request, hasMorePieces: true, group: 0, requestID: 1, bodySize: 60_000)
            .append(to: &frame)
        frame += Array(repeating: 0, count: 60_000)
        var assembler = FrameAssembler()
        #expect(throws: ProtocolError.self) {
            for _ in 0..<1_000 {
                _ = try assembler.receive(frame)
                #expect(assembler.heldBytes <= ProtocolLimits.maximumFrameBody)
            }
        }
    }

    @Test
    func `unfinished messages together stay within their limit`() throws {
        var assembler = FrameAssembler()
        var highest = 0
        #expect(throws: ProtocolError.self) {
            for round in 0..<1_000 {
                var frame: [UInt8] = []
                FrameHeader(
                    kind: .request,
                    hasMorePieces: true,
                    group: 0,
                    requestID: UInt64(round % 4),
                    bodySize: 60_000
                ).append(to: &frame)
                frame += Array(repeating: 0, count: 60_000)
                _ = try assembler.receive(frame)
                highest = max(highest, assembler.heldBytes)
            }
        }
        #expect(highest > 0)
        #expect(highest <= FrameAssembler.maximumHeldBytes)
    }

    @Test
    func `what waits longest for its end keeps its number until it is whole`() throws {
        var assembler = FrameAssembler()
        #expect(assembler.oldestUnfinished == nil)
        let frame = Self.message(1, 10)
        _ = try assembler.receive(Array(frame[..<5]))
        let first = try #require(assembler.oldestUnfinished)
        // One byte at a time is still the same frame.
        for byte in frame[5..<frame.count - 1] {
            _ = try assembler.receive([byte])
            #expect(assembler.oldestUnfinished == first)
        }
        // Its end comes with the beginning of the next one.
        _ = try assembler.receive([frame[frame.count - 1]] + frame[..<3])
        let second = try #require(assembler.oldestUnfinished)
        #expect(second != first)
        _ = try assembler.receive(Array(frame[3...]))
        #expect(assembler.oldestUnfinished == nil)

        // Small messages that come whole in between do not make a large one younger.
        let large = Self.message(2, 65_537)
        _ = try assembler.receive(Array(large[..<(24 + 65_536)]))
        let third = try #require(assembler.oldestUnfinished)
        for size in 0..<3 {
            #expect(try assembler.receive(Self.message(3, size)).count == 1)
            _ = try assembler.receive(Array(frame[..<7]))
            #expect(assembler.oldestUnfinished == third)
            _ = try assembler.receive(Array(frame[7...]))
        }
        #expect(try assembler.receive(Array(large[(24 + 65_536)...])).count == 1)
        #expect(assembler.oldestUnfinished == nil)
    }

    @Test
    func `flipped bits in frames never trap`() {
        let bytes = Self.message(1, 20) + Self.message(2, 5)
        for bit in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            var assembler = FrameAssembler()
            _ = try? assembler.receive(flipped)
            #expect(assembler.heldBytes <= flipped.count)
        }
    }

    @Test
    func `the message of a peer travels in frames`() throws {
        let entries = [Array(repeating: UInt8(1), count: 100_000), [2, 3]]
        var message = Samples.peer(Samples.messageBodies[2].body)
        message.entries = entries
        var bytes: [UInt8] = []
        message.appendFrame(stream: 77, to: &bytes)
        var assembler = FrameAssembler()
        let arrived = try assembler.receive(bytes)
        try #require(arrived.count == 1)
        #expect(arrived[0].header.kind == .peer)
        let group = GroupID(arrived[0].header.group)
        #expect(try PeerMessage(decoding: arrived[0].body, group: group) == message)
    }
}
