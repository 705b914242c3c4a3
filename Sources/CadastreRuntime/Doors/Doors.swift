internal import CadastreNode
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
        var bootstrap = ServerBootstrap(group: group)
        for (option, value) in SocketOptions.client {
            bootstrap = bootstrap.childChannelOption(option, value: value)
        }
        return
            try await bootstrap
            .serverChannelOption(ChannelOptions.backlog, value: 512)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .childChannelOption(
                ChannelOptions.writeBufferWaterMark,
                value: RuntimeLimits.clientWaterMark
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
        guard !desk.isStopping else {
            throw ProtocolError(.shuttingDown, "the node is shutting down")
        }
        desk.add(stranger: channel, on: listener)
        let cluster = context.cluster
        let tls = context.tls.current
        let sync = channel.pipeline.syncOperations
        try sync.addHandler(
            TLSHandler(tls) { listener.refusal(of: $0.identity, cluster: cluster) }
        )
        try sync.addHandlers(Session.handlers(listener, at: desk, tls))
    }

    /// Proposes a command of this process itself.
    ///
    /// - Parameters:
    ///   - bytes: The encoded envelope.
    ///   - deadline: Monotonic.
    /// - Returns: The reply, or that nobody knows.
    func propose(_ bytes: [UInt8], deadline: UInt64) async -> CadastreNode.ReplyContent {
        guard let desk = desks.all.first else { return .unknown }
        do {
            return try await desk.loop.flatSubmit { desk.propose(bytes, deadline: deadline) }.get()
        } catch {
            // The loop has ended: nobody will know.
            return .unknown
        }
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
