internal import CadastreTLS
internal import NIOCore
internal import NIOPosix

/// Makes connections: TCP, then TLS to a node of the right cluster, then the greeting.
struct Connector: Sendable {
    private let context: TLSContext
    private let cluster: String
    private let connectTimeout: TimeAmount
    private let loop: any EventLoop

    /// Reads the certificate, key and roots.
    ///
    /// - Throws: ``ClientError`` if they cannot be used.
    init(_ configuration: ClientConfiguration, loop: any EventLoop) throws(ClientError) {
        let files = configuration.files
        let credentials = Credentials(
            certificate: files.certificate,
            key: files.key,
            roots: files.roots
        )
        do throws(TLSError) {
            context = try TLSContext(credentials, for: .client)
        } catch {
            throw ClientError("\(error)")
        }
        cluster = configuration.cluster
        connectTimeout = TimeAmount(configuration.connectTimeout)
        self.loop = loop
    }

    /// Connects; the router hears of it through the connection, or that it failed.
    ///
    /// TCP, TLS and the greeting together have the configuration's time to connect.
    /// The handlers come once TCP is up: a name with several addresses makes several sockets, of
    /// which one wins.
    func connect(to endpoint: Endpoint, router: RequestRouter, link: NodeLink) {
        let parts = NIOLoopBound((router, link), eventLoop: loop)
        let openBy = NIODeadline.now() + connectTimeout
        ClientBootstrap(group: loop)
            .connectTimeout(connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: endpoint.host, port: endpoint.port)
            .whenComplete { result in
                let (router, link) = parts.value
                do {
                    try addHandlers(to: result.get(), router, link, openBy: openBy)
                } catch {
                    router.failedToOpen(link, ConnectionFailure(error, endpoint: endpoint))
                }
            }
    }

    /// Called on the channel's event loop, before anything has been read from it.
    private func addHandlers(
        to channel: any Channel,
        _ router: RequestRouter,
        _ link: NodeLink,
        openBy: NIODeadline
    ) throws {
        // Reset between connecting and now: handlers added to a dead channel would hear nothing.
        guard channel.isActive else { throw ChannelError.ioOnClosedChannel }
        do {
            let tls = try TLSHandler(
                context,
                handshakeTimeout: max(.milliseconds(1), openBy - .now()),
                accept: TLSRefusal.unlessNode(of: cluster)
            )
            try channel.pipeline.syncOperations.addHandlers(
                tls,
                RequestConnection(router: router, link: link, openBy: openBy)
            )
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }
}

extension ConnectionFailure {
    /// Says what an error of a connection means.
    init(_ error: any Error, endpoint: Endpoint) {
        if let error = error as? TLSError {
            self.init(isPermanent: error.isPermanent, detail: "\(endpoint): \(error)")
        } else if error is NIOConnectionError {
            self.init(isPermanent: false, detail: "\(endpoint): no connection; is the node up?")
        } else {
            self.init(isPermanent: false, detail: "\(endpoint): \(error)")
        }
    }
}

extension TLSError {
    /// Whether one side does not let the other in, so that trying again will not help.
    fileprivate var isPermanent: Bool {
        switch self {
        case .refused, .refusedByPeer, .unreadable, .unwritable, .keyExposed, .invalidFile,
            .keyMismatch, .unfitCertificate, .invalidRequest:
            true
        case .library, .broken, .handshakeTimeout, .closedDuringHandshake, .truncated,
            .tooMuchPending:
            false
        }
    }
}
