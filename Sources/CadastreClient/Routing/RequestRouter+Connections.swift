internal import NIOCore

/// The ways to the nodes: opening them, losing them, and giving up those that bring nothing.
extension RequestRouter {
    /// Opens what is missing of the link's connections.
    func open(_ link: NodeLink) {
        guard !isClosed else { return }
        while link.connections.count + link.openingCount < wantedCount(link) {
            // While some are well, one that failed is not tried again and again.
            guard link.mayReopen(at: .now()) else { return }
            link.beganOpening()
            connector.connect(to: link.endpoint, router: self, link: link)
        }
    }

    /// Whether connections are missing of which none is being opened.
    func isIncomplete(_ link: NodeLink) -> Bool {
        link.openingCount == 0 && link.connections.count < wantedCount(link)
    }

    private func wantedCount(_ link: NodeLink) -> Int {
        link === target ? configuration.connectionCount : 1
    }

    /// A connection is up and both sides have greeted.
    func opened(_ connection: RequestConnection, on link: NodeLink, node: UInt64) {
        link.opened(connection, node: node)
        guard !isClosed else {
            _ = connection.close()
            return
        }
        serve(link)
        if link === target { serveLeaderQueue() }
    }

    /// A connection could not be made.
    func failedToOpen(_ link: NodeLink, _ failure: ConnectionFailure) {
        link.failedToOpen(failure, at: .now())
        guard !isClosed, !link.hasConnection, link.openingCount == 0 else { return }
        reroute(link)
    }

    /// Connections of a link that were up are gone, with these requests on them.
    func lost(
        _ connections: [RequestConnection],
        on link: NodeLink,
        _ failure: ConnectionFailure,
        unanswered: [ActiveRequest]
    ) {
        let hadConnection = link.hasConnection
        for connection in connections { link.lost(connection, failure, at: .now()) }
        if !isClosed, hadConnection, !link.hasConnection { reroute(link) }
        let obstacle = Refused(.unreachable, detail: failure.detail)
        // Oldest first, as they were.
        for request in unanswered.sorted(by: { $0.id < $1.id }) where doubt(request, obstacle) {
            dispatch(request)
        }
    }

    /// A connection will take no more requests, since its node is stopping.
    func draining(_ connection: RequestConnection, on link: NodeLink) {
        let failure = ConnectionFailure(isPermanent: false, detail: "\(link.endpoint) is stopping")
        link.beganDraining(connection, failure, at: .now())
        if !isClosed, !link.hasConnection { reroute(link) }
    }

    /// Gives up the connections on which requests have waited too long for a sign of the node.
    func giveUpSilent(at now: NIODeadline) {
        let patience = TimeAmount(configuration.stallTimeout)
        for link in links {
            let silent = link.silentConnections(at: now, patience)
            guard !silent.isEmpty else { continue }
            let detail = "\(link.endpoint) has not answered for \(configuration.stallTimeout)"
            lost(
                silent,
                on: link,
                ConnectionFailure(isPermanent: false, detail: detail),
                unanswered: silent.flatMap { $0.abandon() }
            )
        }
    }

    /// The link has no connection left: what waits for it goes elsewhere or waits on.
    private func reroute(_ link: NodeLink) {
        let failure = link.lastFailure?.detail ?? "\(link.endpoint) has no connection"
        let obstacle = Refused(.unreachable, detail: failure)
        if link === target {
            leaderQueue.note(obstacle)
            targetFailed(link)
            serveLeaderQueue()
        }
        let isPermanent = link.lastFailure?.isPermanent == true
        for request in link.waiting.takeAll() {
            request.lastObstacle = obstacle
            switch request.submission.route {
            case .node where isPermanent:
                refuseOrDoubt(request, Refused(.connectionRefused, detail: failure))
            case .nearest where links.contains { $0.isPromising(at: .now()) }:
                dispatch(request)
            case .leader, .nearest, .node:
                link.waiting.append(request)
            }
        }
        if !link.waiting.isEmpty { openLater(link) }
    }

    /// Opens a link that has failed, after a while; once, however many ask for it meanwhile.
    func openLater(_ link: NodeLink) {
        guard !link.isOpeningLater, link.openingCount == 0 else { return }
        link.isOpeningLater = true
        let delay = jitter(.milliseconds(min(500, 20 << min(link.failureCount, 5))))
        loop.assumeIsolated().scheduleTask(in: delay) {
            link.isOpeningLater = false
            if !link.waiting.isEmpty { self.open(link) }
        }
    }
}
