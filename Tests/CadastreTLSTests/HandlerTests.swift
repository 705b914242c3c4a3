import NIOCore
import NIOEmbedded
import Testing

@testable import CadastreTLS

struct `The handler` {
    let pki: TestAuthority

    init() throws { pki = try TestAuthority() }

    /// The beginning of a message that no server expects, and answers with an alert.
    private let serverHello: [UInt8] = [0x16, 3, 1, 0, 4, 2, 0, 0, 0]

    private func pair() throws -> EmbeddedPair {
        try EmbeddedPair(server: pki.server(), client: pki.client())
    }

    @Test(arguments: [1, 2, 3, 7, 100, 4096])
    func `understands ciphertext cut into pieces of any size`(size: Int) throws {
        let pair = try pair()
        try pair.connect()
        pair.client.writeAndFlush(ByteBuffer(bytes: 0..<200), promise: nil)
        try pair.pump(size: size)
        pair.server.writeAndFlush(ByteBuffer(repeating: 9, count: 20_000), promise: nil)
        try pair.pump(size: size)
        #expect(pair.atServer.peer?.identity == .second)
        #expect(pair.atClient.peer?.identity == .first)
        #expect(pair.atServer.received == Array(0..<200))
        #expect(pair.atClient.received == [UInt8](repeating: 9, count: 20_000))
    }

    @Test
    func `makes one record of everything up to a flush`() throws {
        let pair = try pair()
        try pair.connect()
        try pair.pump()
        for _ in 0..<50 { pair.client.write(ByteBuffer(repeating: 1, count: 300), promise: nil) }
        pair.client.flush()
        let sent = try pair.pump()
        #expect(sent.map(\.readableBytes) == [50 * 300 + 22])
        #expect(pair.atServer.received.count == 50 * 300)
    }

    @Test
    func `keeps back what was not flushed, and fulfils each promise with its flush`() throws {
        let pair = try pair()
        try pair.connect()
        var flushed: [Int] = []
        for number in 1...3 {
            let promise = pair.loop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess { flushed.append(number) }
            pair.client.write(ByteBuffer(repeating: 1, count: 10), promise: promise)
            if number == 2 { pair.client.flush() }
        }
        try pair.pump()
        #expect(pair.atServer.received.count == 20)
        #expect(flushed == [1, 2])
        pair.client.flush()
        try pair.pump()
        #expect(pair.atServer.received.count == 30)
        #expect(flushed == [1, 2, 3])
    }

    @Test
    func `holds back at most its limit before the handshake ends`() throws {
        let pair = try pair()
        try pair.connect()
        let limit = TLSLimits.maximumPendingBytes
        pair.client.writeAndFlush(ByteBuffer(repeating: 1, count: limit), promise: nil)
        #expect(throws: TLSError.tooMuchPending(limit: limit)) {
            try pair.client.writeAndFlush(ByteBuffer(bytes: [1])).wait()
        }
        try pair.pump()
        #expect(pair.atServer.received.count == limit)
    }

    @Test
    func `gives up a handshake after its time`() throws {
        let pair = try pair()
        try pair.connect()
        pair.loop.advanceTime(by: .milliseconds(4999))
        #expect(pair.atServer.errors.isEmpty && pair.server.isActive)
        pair.loop.advanceTime(by: .milliseconds(1))
        #expect(pair.atServer.errors == [.handshakeTimeout])
        #expect(pair.atClient.errors == [.handshakeTimeout])
        #expect(!pair.server.isActive && !pair.client.isActive)
    }

    @Test
    func `has no deadline once the handshake has ended`() throws {
        let pair = try pair()
        try pair.connect()
        try pair.pump()
        pair.loop.advanceTime(by: .hours(1))
        #expect(pair.server.isActive && pair.client.isActive)
        #expect(pair.atServer.errors.isEmpty && pair.atClient.errors.isEmpty)
    }

    @Test
    func `takes at most its limit from a peer without a name`() throws {
        let pair = try pair()
        try pair.connect()
        // A hello that announces 64 KiB, in records of 1,000 bytes, for ever.
        let header: [UInt8] = [0x16, 3, 1, 0x03, 0xE8]
        var fed = 0
        while pair.atServer.errors.isEmpty, fed < 1 << 20 {
            let start: [UInt8] = fed == 0 ? [1, 1, 0, 0] : [0, 0, 0, 0]
            let record = header + start + [UInt8](repeating: 0, count: 996)
            pair.feed(ByteBuffer(bytes: record), to: pair.server)
            fed += record.count
        }
        #expect(fed <= TLSLimits.maximumHandshakeBytes + 1005)
        guard case .refused(let refusal) = pair.atServer.errors.first else {
            Issue.record("no refusal but \(pair.atServer.errors)")
            return
        }
        #expect(refusal.reason == .tooManyBytes)
    }

    @Test
    func `takes at most its limit of a hello that comes at once`() throws {
        let pair = try pair()
        try pair.connect()
        let record: [UInt8] =
            [0x16, 3, 1, 0x03, 0xE8, 1, 1, 0, 0] + [UInt8](repeating: 0, count: 996)
        let flood = Array(repeatElement(record, count: 30).joined())
        pair.feed(ByteBuffer(bytes: flood), to: pair.server)
        #expect(pair.atServer.errors.count == 1)
        guard case .refused(let refusal) = pair.atServer.errors.first else {
            Issue.record("no refusal but \(pair.atServer.errors)")
            return
        }
        #expect(refusal.reason == .tooManyBytes)
        #expect(refusal.detail.hasPrefix("\(TLSLimits.maximumHandshakeBytes) bytes"))
    }

    @Test
    func `calls a close within the handshake no refusal`() throws {
        let pair = try pair()
        try pair.connect()
        pair.feed(ByteBuffer(bytes: [0x15, 3, 3, 0, 2, 1, 0]), to: pair.client)
        #expect(pair.atClient.errors == [.closedDuringHandshake])
    }

    @Test
    func `delivers what comes in one piece with the end of the handshake`() throws {
        let pair = try pair()
        try pair.connect()
        let hello = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
        pair.feed(hello, to: pair.server)
        while let bytes = try pair.server.readOutbound(as: ByteBuffer.self) {
            pair.feed(bytes, to: pair.client)
        }
        #expect(pair.atClient.peer != nil && pair.atServer.peer == nil)
        pair.client.writeAndFlush(ByteBuffer(repeating: 1, count: 20_000), promise: nil)
        pair.client.writeAndFlush(ByteBuffer(repeating: 2, count: 100), promise: nil)
        var flight = ByteBuffer()
        while var bytes = try pair.client.readOutbound(as: ByteBuffer.self) {
            flight.writeBuffer(&bytes)
        }
        let start = flight.readSlice(length: flight.readableBytes - 60)
        pair.feed(try #require(start), to: pair.server)
        #expect(pair.atServer.peer != nil)
        #expect(pair.atServer.received == [UInt8](repeating: 1, count: 20_000))
        pair.feed(flight, to: pair.server)
        #expect(pair.atServer.received.count == 20_100)
        #expect(pair.atServer.errors.isEmpty)
    }

    @Test
    func `keeps the order of what is read while it delivers`() throws {
        let pair = try pair()
        try pair.connect()
        try pair.pump()
        var records: [ByteBuffer] = []
        for number in 0..<6 {
            pair.client.writeAndFlush(
                ByteBuffer(repeating: UInt8(number), count: 16_384),
                promise: nil
            )
            records.append(try #require(try pair.client.readOutbound(as: ByteBuffer.self)))
        }
        pair.client.close(promise: nil)
        var end = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
        records[5].writeBuffer(&end)
        // As a channel does whose write fails within the delivery: it reads once more, and ends.
        let operations = pair.server.pipeline.syncOperations
        let last = records[5]
        pair.atServer.onFirstRead = {
            operations.fireChannelRead(NIOAny(last))
            operations.fireChannelReadComplete()
            operations.fireChannelInactive()
        }
        var flight = ByteBuffer()
        for var record in records.prefix(5) { flight.writeBuffer(&record) }
        pair.feed(flight, to: pair.server)
        let expected = (0..<6).flatMap { [UInt8](repeating: UInt8($0), count: 16_384) }
        #expect(pair.atServer.received == expected)
        #expect(pair.atServer.errors.isEmpty)
    }

    @Test
    func `ignores what comes behind a close`() throws {
        let pair = try pair()
        try pair.connect()
        try pair.pump()
        pair.client.writeAndFlush(ByteBuffer(repeating: 7, count: 100), promise: nil)
        pair.client.close(promise: nil)
        var flight = ByteBuffer()
        while var bytes = try pair.client.readOutbound(as: ByteBuffer.self) {
            flight.writeBuffer(&bytes)
        }
        flight.writeRepeatingByte(0xFF, count: 1_000)
        pair.feed(flight, to: pair.server)
        #expect(pair.atServer.received.count == 100)
        #expect(pair.atServer.errors.isEmpty)
    }

    @Test
    func `asks for more until a wanted read has given a whole record`() throws {
        let pair = try pair()
        let reads = ReadCounter()
        try pair.server.pipeline.syncOperations.addHandler(reads, position: .first)
        try pair.connect()
        try pair.pump()
        pair.client.writeAndFlush(ByteBuffer(repeating: 7, count: 100), promise: nil)
        var record = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
        let start = record.readSlice(length: 50)
        let half = try #require(start)
        pair.server.read()
        let before = reads.count
        pair.feed(half, to: pair.server)
        #expect(reads.count == before + 1)
        pair.feed(record, to: pair.server)
        #expect(reads.count == before + 1)
        #expect(pair.atServer.received.count == 100)
    }

    @Test
    func `reports an end without a close as truncated`() throws {
        let pair = try pair()
        try pair.connect()
        try pair.pump()
        pair.server.pipeline.syncOperations.fireChannelInactive()
        #expect(pair.atServer.errors == [.truncated])
    }

    @Test
    func `reports a failure once though its alert cannot be written`() throws {
        let pair = try pair()
        let reset = ResetAtFlush()
        try pair.server.pipeline.syncOperations.addHandler(reset, position: .first)
        try pair.connect()
        reset.isArmed = true
        pair.feed(ByteBuffer(bytes: serverHello), to: pair.server)
        #expect(pair.atServer.errors.count == 1)
        guard case .refused = pair.atServer.errors.first else {
            Issue.record("no refusal but \(pair.atServer.errors)")
            return
        }
    }

    @Test
    func `calls our own close an end though it cannot be written`() throws {
        let pair = try pair()
        let reset = ResetAtFlush()
        try pair.server.pipeline.syncOperations.addHandler(reset, position: .first)
        try pair.connect()
        try pair.pump()
        reset.isArmed = true
        pair.server.close(promise: nil)
        #expect(pair.atServer.errors.isEmpty)
    }

    @Test
    func `sends the alert of a failure though a write's caller closes at once`() throws {
        let pair = try pair()
        try pair.connect()
        let server = pair.server
        let promise = pair.loop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenFailure { _ in server.close(promise: nil) }
        server.writeAndFlush(ByteBuffer(bytes: [1]), promise: promise)
        pair.feed(ByteBuffer(bytes: serverHello), to: server)
        let alert = try server.readOutbound(as: ByteBuffer.self)
        #expect(alert?.getInteger(at: 0, as: UInt8.self) == 0x15)
    }

    @Test
    func `reports an end with a close as an end`() throws {
        let pair = try pair()
        try pair.connect()
        try pair.pump()
        pair.client.close(promise: nil)
        try pair.pump()
        #expect(!pair.server.isActive)
        #expect(pair.atServer.errors.isEmpty && pair.atClient.errors.isEmpty)
    }

    @Test
    func `reports an altered record as broken and delivers none of it`() throws {
        let pair = try pair()
        try pair.connect()
        try pair.pump()
        pair.client.writeAndFlush(ByteBuffer(repeating: 7, count: 100), promise: nil)
        var record = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
        let last = record.writerIndex - 1
        let byte = try #require(record.getInteger(at: last, as: UInt8.self))
        record.setInteger(byte ^ 1, at: last)
        pair.feed(record, to: pair.server)
        #expect(pair.atServer.received.isEmpty)
        guard case .broken = pair.atServer.errors.first else {
            Issue.record("not broken but \(pair.atServer.errors)")
            return
        }
    }

    @Test
    func `gives up a peer that changes its keys and sends nothing`() throws {
        let pair = try pair()
        try pair.connect()
        try pair.pump()
        for _ in 0..<TLSLimits.maximumKeyUpdates { try updateKeys(of: pair) }
        #expect(pair.atServer.errors.isEmpty)
        // Data in between begin the count anew.
        pair.client.writeAndFlush(ByteBuffer(bytes: [1]), promise: nil)
        try pair.pump()
        for _ in 0..<TLSLimits.maximumKeyUpdates { try updateKeys(of: pair) }
        #expect(pair.atServer.errors.isEmpty)
        #expect(pair.atServer.received == [1])
        try updateKeys(of: pair)
        guard case .broken = pair.atServer.errors.first else {
            Issue.record("not broken but \(pair.atServer.errors)")
            return
        }
    }

    @Test
    func `takes no more of a flood of changes of keys than its limit`() throws {
        let pair = try pair()
        try pair.connect()
        try pair.pump()
        var flood = ByteBuffer()
        for _ in 0..<200 {
            try askForKeys(of: pair)
            var update = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
            flood.writeBuffer(&update)
        }
        pair.feed(flood, to: pair.server)
        guard case .broken = pair.atServer.errors.first else {
            Issue.record("not broken but \(pair.atServer.errors)")
            return
        }
        var answered = 0
        while let bytes = try pair.server.readOutbound(as: ByteBuffer.self) {
            answered += bytes.readableBytes
        }
        #expect(answered < (TLSLimits.maximumKeyUpdates + 3) * 40)
    }

    @Test
    func `gives up a peer that changes its keys and takes no answer`() throws {
        let pair = try pair()
        try pair.connect()
        try pair.pump()
        pair.server.isWritable = false
        var updates = 0
        while pair.atServer.errors.isEmpty, updates < 3 * TLSLimits.maximumKeyUpdates {
            // Data in between are of no help.
            pair.client.writeAndFlush(ByteBuffer(bytes: [1]), promise: nil)
            try updateKeys(of: pair)
            updates += 1
        }
        #expect((1...2).contains(updates - TLSLimits.maximumKeyUpdates))
        guard case .broken = pair.atServer.errors.first else {
            Issue.record("not broken but \(pair.atServer.errors)")
            return
        }
    }

    private func updateKeys(of pair: EmbeddedPair) throws {
        try askForKeys(of: pair)
        try pair.pump()
    }

    private func askForKeys(of pair: EmbeddedPair) throws {
        let context = try pair.client.pipeline.syncOperations.context(handlerType: TLSHandler.self)
        let handler = try pair.client.pipeline.syncOperations.handler(type: TLSHandler.self)
        handler.updateKeys(context)
    }

    @Test
    func `asks for no more while the peer leaves unread what we send`() throws {
        let pair = try pair()
        let reads = ReadCounter()
        try pair.server.pipeline.syncOperations.addHandler(reads, position: .first)
        try pair.connect()
        try pair.pump()
        pair.server.read()
        let before = reads.count
        pair.server.isWritable = false
        // Ciphertext that gives no plaintext: the wish to read stays.
        try updateKeys(of: pair)
        #expect(reads.count == before)
        pair.server.isWritable = true
        pair.server.pipeline.fireChannelWritabilityChanged()
        #expect(reads.count == before + 1)
    }

    @Test
    func `can be written to from within a failing promise`() throws {
        let pair = try pair()
        try pair.connect()
        let client = pair.client
        let promise = pair.loop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenFailure { _ in
            client.writeAndFlush(ByteBuffer(bytes: [1]), promise: nil)
        }
        pair.client.write(ByteBuffer(bytes: [1]), promise: promise)
        pair.loop.advanceTime(by: .seconds(5))
        #expect(pair.atClient.errors == [.handshakeTimeout])
    }

    @Test(arguments: 0..<8)
    func `survives any bytes before and after the handshake`(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let server = try pki.server()
        let client = try pki.client()
        for turn in 0..<25 {
            let pair = try EmbeddedPair(server: server, client: client)
            try pair.connect()
            if turn % 3 == 0 { try pair.pump() }
            var target = turn % 2 == 0 ? pair.server : pair.client
            if let honest = try pair.client.readOutbound(as: ByteBuffer.self) {
                // A true hello with a few bytes changed goes deeper than noise.
                var altered = honest
                for _ in 0..<Int.random(in: 0...4, using: &generator) {
                    let place = Int.random(in: 0..<altered.readableBytes, using: &generator)
                    altered.setInteger(UInt8.random(in: 0...255, using: &generator), at: place)
                }
                pair.feed(altered, to: pair.server)
                target = pair.server
            }
            for _ in 0..<Int.random(in: 1...30, using: &generator) {
                let count = Int.random(in: 1...2000, using: &generator)
                var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                if Bool.random(using: &generator), count > 5 {
                    // The header of a record, so that the noise gets past the first check.
                    bytes[0] = UInt8.random(in: 20...24, using: &generator)
                    bytes[1] = 3
                    bytes[2] = 3
                    bytes[3] = 0
                    bytes[4] = UInt8(truncatingIfNeeded: count - 5)
                }
                pair.feed(ByteBuffer(bytes: bytes), to: target)
            }
            #expect(pair.atServer.received.isEmpty && pair.atClient.received.isEmpty)
            pair.loop.advanceTime(by: .seconds(10))
        }
    }
}

/// Ends the channel within a flush, as a socket does whose peer has gone.
private final class ResetAtFlush: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    var isArmed = false

    func flush(context: ChannelHandlerContext) {
        context.flush()
        guard isArmed else { return }
        isArmed = false
        context.fireChannelInactive()
    }
}

/// Counts the reads that reach the socket's side.
private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}
