import NIOCore
import NIOEmbedded
import Testing

@testable import cadastre_wan

@Suite
struct WideAreaTests {
    @Test
    func `it says what is cut, and what it does not understand`() throws {
        let country = try Country(
            topology: "1 fr/paris/a/o 1\n2 fr/lyon/a/o 2",
            roundTrips: "paris lyon 8047"
        )
        let area = WideArea(country, on: EmbeddedEventLoop()) { _ in }
        #expect(area.obey("show") == "ok no cuts")
        #expect(area.obey("cut lyon out") == "ok lyon out")
        #expect(area.obey("cut paris") == "ok lyon out, paris out, paris in")
        #expect(area.obey("mend lyon") == "ok paris out, paris in")
        #expect(area.obey("mend") == "ok no cuts")
        #expect(area.obey("cut nice") == "no there is no site nice; there are lyon, paris")
        #expect(area.obey("cut lyon up") == "no a cut goes in or out, or both ways, not up")
        for line in ["", "cut", "mend lyon now please", "show all", "frobnicate"] {
            #expect(area.obey(line).hasPrefix("no say "), "\(line)")
        }
        #expect(area.obey("show") == "ok no cuts")
    }

    @Test
    func `a line may come in pieces, and one without an end is not kept`() throws {
        let channel = EmbeddedChannel(handler: LineHandler { "told " + $0 })
        try channel.writeInbound(ByteBuffer(string: "cut "))
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        try channel.writeInbound(ByteBuffer(string: "lyon\nrest"))
        #expect(
            try channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "told cut lyon\n")
        )
        let endless = EmbeddedChannel(handler: LineHandler { $0 })
        try endless.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try endless.writeInbound(ByteBuffer(repeating: 0x61, count: 1_025))
        #expect(!endless.isActive)
    }
}
