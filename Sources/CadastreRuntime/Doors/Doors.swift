internal import CadastreProtocol
internal import CadastreTLS
internal import NIOCore
internal import NIOPosix

/// The listeners for clients and operators, and the loops that serve their connections.
final class Doors: Sendable {
    /// One for each loop.
    let desks: Desks
    private let context: DoorContext
    private let group: any EventLoopGroup

    /// Doors on these loops, closed.
    init(_ context: DoorContext, _ desks: [Desk], group: any EventLoopGroup) {
        self.context = context
        self.desks = Desks(all: desks)
        self.group = group
    }

    /// Opens one door.
    ///
    /// - Returns: The listening channel.
    func listen(_ listener: Listener, on address: SocketName) async throws -> any Channel {
        let context = context
        let all = desks.all
        return try await ServerBootstrap(group: group)
            .serverChannelOption(ChannelOptions.backlog, value: 512)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .childChannelOption(
                ChannelOptions.writeBufferWaterMark,
                value: ChannelOptions.Types.WriteBufferWaterMark(low: 256 << 10, high: 1 << 20)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let desk = all.first(where: { $0.loop === channel.eventLoop }) else {
                        preconditionFailure("a connection on a loop without a desk")
                    }
                    try Self.initialize(channel, listener, desk, context)
                }
            }
            .bind(host: address.host, port: address.port)
            .get()
    }

    private static func initialize(
        _ channel: any Channel,
        _ listener: Listener,
        _ desk: Desk,
        _ context: DoorContext
    ) throws {
        guard context.admitConnection() else {
            context.refused(
                .tooMany,
                "the limit of connections is reached",
                on: listener,
                address: channel.remoteAddress
            )
            throw ProtocolError(.overloaded, "the limit of connections is reached")
        }
        channel.closeFuture.whenComplete { _ in context.releaseConnection() }
        guard !desk.isStopping else {
            throw ProtocolError(.shuttingDown, "the node is shutting down")
        }
        let cluster = context.cluster
        let sync = channel.pipeline.syncOperations
        try sync.addHandler(
            TLSHandler(context.tls.current) { listener.refusal(of: $0, cluster: cluster) }
        )
        try sync.addHandler(Session(listener, at: desk))
    }

    /// Takes nothing new on any connection.
    func stopAdmitting() async {
        for desk in desks.all {
            await onLoop(of: desk) { $0.stopAdmitting() }
        }
    }

    /// Requests that wait for a reply.
    func inFlight() async -> Int {
        var count = 0
        for desk in desks.all { count += await onLoop(of: desk) { $0.inFlight } }
        return count
    }

    /// Closes every connection.
    func close() async {
        for desk in desks.all { await onLoop(of: desk) { $0.close() } }
    }

    private func onLoop<Result: Sendable>(
        of desk: Desk,
        _ work: @escaping @Sendable (Desk) -> Result
    ) async -> Result {
        await withCheckedContinuation { continuation in
            desk.loop.execute { continuation.resume(returning: work(desk)) }
        }
    }
}
