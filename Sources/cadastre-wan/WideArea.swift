internal import NIOCore
internal import NIOPosix

/// All connections between the nodes of a country.
///
/// Listens for each node on the address under which the others know it, and dials it on its own.
/// Lives on one loop.
final class WideArea {
    private let country: Country
    private let loop: any EventLoop
    private let report: (String) -> Void
    private var relays: [ObjectIdentifier: Relay] = [:]
    private var cuts = Cuts()

    /// - Parameters:
    ///   - country: Who stands where.
    ///   - loop: Where everything happens.
    ///   - report: Told what a person should know.
    init(_ country: Country, on loop: any EventLoop, report: @escaping (String) -> Void) {
        self.country = country
        self.loop = loop
        self.report = report
    }

    /// Listens in the place of every node.
    func start() -> EventLoopFuture<Void> {
        EventLoopFuture.andAllSucceed(country.nodes.map(listen), on: loop)
    }

    private func listen(for node: Country.Node) -> EventLoopFuture<any Channel> {
        let area = NIOLoopBound(self, eventLoop: loop)
        return ServerBootstrap(group: loop)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(ChannelOptions.autoRead, value: false)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .childChannelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try area.value.accept(channel, for: node) }
            }
            .bind(host: "127.0.0.1", port: node.port)
    }

    private func accept(_ channel: any Channel, for node: Country.Node) throws {
        let address = channel.remoteAddress?.ipAddress
        guard let dialler = country.node(at: address) else {
            report("\(address ?? "somebody") is no node, and dials node \(node.id); it is closed")
            throw ChannelError.operationUnsupported
        }
        let relay = Relay(from: dialler, to: node, country, on: loop)
        try relay.take(channel)
        relay.apply(cuts)
        let id = ObjectIdentifier(relay)
        relays[id] = relay
        channel.closeFuture.assumeIsolated().whenComplete { _ in self.relays[id] = nil }
    }

    // MARK: What it is told

    /// Does what a line says: `cut SITE [in|out]`, `mend [SITE]` or `show`.
    ///
    /// - Returns: `ok` and what is cut now, or `no` and why.
    func obey(_ line: String) -> String {
        let words = line.split(separator: " ").map(String.init)
        switch (words.first, words.count) {
        case ("show", 1): break
        case ("mend", 1): cuts.removeAll()
        case ("mend", 2), ("cut", 2), ("cut", 3):
            guard country.sites.contains(words[1]) else {
                return "no there is no site \(words[1]); there are "
                    + country.sites.joined(separator: ", ")
            }
            guard words.count == 2 || Cuts.Way(rawValue: words[2]) != nil else {
                return "no a cut goes in or out, or both ways, not \(words[2])"
            }
            let way = words.count == 3 ? Cuts.Way(rawValue: words[2]) : nil
            cuts.set(words[1], way.map { [$0] } ?? Cuts.Way.allCases, isCut: words[0] == "cut")
        default: return "no say cut SITE [in|out], mend [SITE] or show"
        }
        for relay in relays.values { relay.apply(cuts) }
        return "ok \(cuts.text)"
    }
}
