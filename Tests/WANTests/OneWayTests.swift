import NIOCore
import NIOEmbedded
import Testing

@testable import cadastre_wan

/// Directions of a connection, on a clock that only the test advances.
@Suite
struct OneWayTests {
    /// Counts how often a channel is told to read.
    private final class Reads: ChannelOutboundHandler {
        typealias OutboundIn = Never
        var count = 0

        func read(context: ChannelHandlerContext) {
            count += 1
            context.read()
        }
    }

    /// A direction between two channels.
    private struct Bench {
        let loop = EmbeddedEventLoop()
        let way: OneWay
        let source: EmbeddedChannel
        let sink: EmbeddedChannel
        let reads = Reads()

        init(milliseconds: Int64, maximumSize: Int = 1_024, isCut: Bool = false) throws {
            way = OneWay(
                delay: .milliseconds(milliseconds),
                maximumSize: maximumSize,
                isCut: isCut,
                on: loop
            )
            let back = OneWay(delay: .zero, maximumSize: 1, isCut: false, on: loop)
            source = EmbeddedChannel(
                handlers: [reads, RelayEnd(incoming: way, outgoing: back)],
                loop: loop
            )
            sink = EmbeddedChannel(
                handlers: [RelayEnd(incoming: back, outgoing: way)],
                loop: loop
            )
            try source.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            try sink.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 2)).wait()
            way.begin(to: sink)
        }

        func send(_ text: String) throws {
            try source.writeInbound(ByteBuffer(string: text))
        }

        func pass(milliseconds: Int64) {
            loop.advanceTime(by: .milliseconds(milliseconds))
        }

        /// Everything that came out since the last call.
        func arrived() throws -> String {
            var text = ""
            while let bytes = try sink.readOutbound(as: ByteBuffer.self) {
                text += String(buffer: bytes)
            }
            return text
        }
    }

    @Test
    func `bytes arrive after the delay, not before, and in order`() throws {
        let bench = try Bench(milliseconds: 4)
        try bench.send("a")
        bench.pass(milliseconds: 1)
        try bench.send("b")
        try bench.send("c")
        bench.pass(milliseconds: 2)
        #expect(try bench.arrived() == "")
        bench.pass(milliseconds: 1)
        #expect(try bench.arrived() == "a")
        bench.pass(milliseconds: 1)
        #expect(try bench.arrived() == "bc")
    }

    @Test
    func `nothing arrives over a cut, and all of it once it is mended`() throws {
        let bench = try Bench(milliseconds: 4)
        try bench.send("a")
        bench.way.setCut(true)
        try bench.send("b")
        bench.pass(milliseconds: 1_000)
        #expect(try bench.arrived() == "")
        try bench.send("c")
        bench.way.setCut(false)
        #expect(try bench.arrived() == "ab")
        bench.pass(milliseconds: 4)
        #expect(try bench.arrived() == "c")
    }

    @Test
    func `a full direction reads no more until there is room`() throws {
        let bench = try Bench(milliseconds: 4, maximumSize: 3)
        let before = bench.reads.count
        #expect(before == 1)
        try bench.send("ab")
        #expect(bench.reads.count == 2)
        try bench.send("cd")
        #expect(bench.reads.count == 2)
        bench.pass(milliseconds: 4)
        #expect(try bench.arrived() == "abcd")
        #expect(bench.reads.count == 3)
    }

    @Test
    func `a sink that takes nothing holds up its sender`() throws {
        let bench = try Bench(milliseconds: 4, maximumSize: 3)
        bench.sink.isWritable = false
        try bench.send("abcd")
        bench.pass(milliseconds: 100)
        #expect(try bench.arrived() == "")
        #expect(bench.reads.count == 1)
        bench.sink.isWritable = true
        bench.sink.pipeline.fireChannelWritabilityChanged()
        #expect(try bench.arrived() == "abcd")
        #expect(bench.reads.count == 2)
    }

    @Test
    func `the end arrives behind everything else`() throws {
        let bench = try Bench(milliseconds: 4)
        try bench.send("a")
        try bench.source.close().wait()
        #expect(bench.sink.isActive)
        bench.pass(milliseconds: 3)
        #expect(bench.sink.isActive)
        bench.pass(milliseconds: 1)
        #expect(try bench.arrived() == "a")
        #expect(!bench.sink.isActive)
    }

    @Test
    func `what is sent before the other end is dialled waits for it`() throws {
        let loop = EmbeddedEventLoop()
        let way = OneWay(delay: .milliseconds(2), maximumSize: 9, isCut: false, on: loop)
        way.received(.bytes(ByteBuffer(string: "hello")))
        loop.advanceTime(by: .milliseconds(9))
        let sink = EmbeddedChannel(loop: loop)
        way.begin(to: sink)
        #expect(try sink.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "hello"))
        _ = try sink.finish()
    }
}
