import CadastreTLS
import Foundation
import NIOCore
import NIOEmbedded

/// Two ends of a TLS connection joined in memory: what is written at one end is counted at the other.
final class JoinedTLS {
    /// Counts the bytes that come out, decrypted.
    private final class Counter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var received = 0

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += unwrapInboundIn(data).readableBytes
        }
    }

    private let loop = EmbeddedEventLoop()
    private let server: EmbeddedChannel
    private let client: EmbeddedChannel
    private let atServer = Counter()

    /// Bytes that the server has received.
    var received: Int { atServer.received }

    init() throws {
        let contexts = try Certificates.contexts()
        server = EmbeddedChannel(loop: loop)
        client = EmbeddedChannel(loop: loop)
        try server.pipeline.syncOperations.addHandlers(
            TLSHandler(contexts.server) { _ in nil },
            atServer
        )
        try client.pipeline.syncOperations.addHandlers(
            TLSHandler(contexts.client) { _ in nil },
            Counter()
        )
        let address = try SocketAddress(unixDomainSocketPath: "/none")
        server.connect(to: address, promise: nil)
        client.connect(to: address, promise: nil)
        try pump()
    }

    deinit {
        // An open channel holds itself; what it still had to say is of no interest.
        for channel in [client, server] { _ = try? channel.finish(acceptAlreadyClosed: true) }
    }

    /// Sends bytes from the client, flushed once, and lets them arrive.
    func send(_ buffers: [ByteBuffer]) throws {
        for buffer in buffers { client.write(buffer, promise: nil) }
        client.flush()
        try pump()
    }

    private func pump() throws {
        var isQuiet = false
        while !isQuiet {
            isQuiet = true
            while let bytes = try client.readOutbound(as: ByteBuffer.self) {
                isQuiet = false
                feed(bytes, to: server)
            }
            while let bytes = try server.readOutbound(as: ByteBuffer.self) {
                isQuiet = false
                feed(bytes, to: client)
            }
        }
    }

    private func feed(_ bytes: ByteBuffer, to channel: EmbeddedChannel) {
        channel.pipeline.syncOperations.fireChannelRead(NIOAny(bytes))
        channel.pipeline.syncOperations.fireChannelReadComplete()
    }
}

/// A throw-away authority and what it signs.
private enum Certificates {
    static func contexts() throws -> (server: TLSContext, client: TLSContext) {
        let folder = "/var/tmp/cadastre-tls-\(getpid())"
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        // Of a folder for temporary files.
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let validity = Validity(now: Int64(time(nil)), days: 1)
        let authority = try CertificateAuthority(creating: "Benchmark Root", validity: validity)
        try authority.write(certificate: folder + "/root.pem", key: folder + "/root.key")
        func credentials(_ identity: Identity, _ use: CertificateUse) throws -> Credentials {
            let name = "\(folder)/\(use)"
            let issued = try authority.issue(
                CertificateRequest(
                    identity: identity,
                    site: Site(country: "fr", city: "paris", site: "par1", operator: "bench"),
                    use: use,
                    validity: validity
                )
            )
            try issued.write(certificate: name + ".pem", key: name + ".key")
            return Credentials(
                certificate: name + ".pem",
                key: name + ".key",
                roots: [folder + "/root.pem"]
            )
        }
        return (
            try TLSContext(credentials(.node(cluster: "bench", id: 1), .serverAuth), for: .server),
            try TLSContext(credentials(.node(cluster: "bench", id: 2), .clientAuth), for: .client)
        )
    }
}
