internal import NIOCore

/// Which node gets a request, and when.
extension RequestRouter {
    /// Sends a request to its node, or keeps it until that node can be reached.
    func dispatch(_ request: ActiveRequest) {
        guard !request.isFinished else { return }
        request.place = .waiting
        switch request.submission.route {
        case .leader:
            if searchTimer == nil, leaderQueue.isEmpty,
                let connection = target.connectionWithRoom()
            {
                connection.send(request)
            } else {
                leaderQueue.append(request)
                serveLeaderQueue()
            }
        case .nearest:
            dispatchNearest(request)
        case .node(let endpoint):
            guard let link = link(to: endpoint) else {
                let detail = "\(endpoint) is one node too many"
                finish(request, .refused(Refused(.unreachable, detail: detail)))
                return
            }
            link.waiting.append(request)
            serve(link)
        }
    }

    // MARK: - The leader

    /// Sends what waits for the leader, if there is a connection to send it on.
    func serveLeaderQueue() {
        guard searchTimer == nil else { return }
        while let request = leaderQueue.first {
            if request.isFinished {
                leaderQueue.removeFirst()
            } else if let connection = target.connectionWithRoom() {
                leaderQueue.removeFirst()
                connection.send(request)
            } else {
                break
            }
        }
        if !leaderQueue.isEmpty { open(target) }
    }

    /// The target does not lead; the hint, if any, is where the leader is thought to be.
    func targetDoesNotLead(_ link: NodeLink, hint: Endpoint?) {
        // Others of the same batch have said so before.
        guard link === target, searchTimer == nil else { return }
        searchCount += 1
        let now = NIODeadline.now()
        if let hint, let other = self.link(to: hint), other !== link, other.isPromising(at: now) {
            target = other
            // Two nodes that point at each other must not be asked without end.
            if searchCount > 3 { search() } else { open(other) }
            return
        }
        if hint == nil || searchCount % 3 == 0 { target = next(after: link, at: now) }
        search()
    }

    /// The target cannot be reached, or is going away: another one is asked.
    func targetFailed(_ link: NodeLink) {
        guard link === target, searchTimer == nil else { return }
        if let detail = permanentFailure() {
            failAll(Refused(.connectionRefused, detail: detail))
            return
        }
        searchCount += 1
        target = next(after: link, at: .now())
        // The first change of target is free: most often another node leads by the time it counts.
        if searchCount == 1, target !== link { open(target) } else { search() }
    }

    /// Any answer but "not me" ends the search.
    func targetAnswered(_ link: NodeLink) {
        if link === target { searchCount = 0 }
    }

    /// The next endpoint in turn that has not just failed; if all have, the next in turn.
    private func next(after link: NodeLink, at now: NIODeadline) -> NodeLink {
        guard let index = links.firstIndex(where: { $0 === link }) else { return link }
        let others = (1..<max(2, links.count)).map { links[(index + $0) % links.count] }
        return others.first { $0.isPromising(at: now) } ?? others[0]
    }

    /// Waits a little before the target is asked again: an election takes some hundred ms.
    private func search() {
        guard searchTimer == nil, !isClosed else { return }
        let exponent = min(searchCount, 4)
        let longest: Int64 = searchCount > 40 ? 250 : 50
        let delay = jitter(.milliseconds(min(longest, 5 << exponent)))
        searchTimer = loop.assumeIsolated().scheduleTask(in: delay) {
            self.searchTimer = nil
            self.serveLeaderQueue()
        }
    }

    // MARK: - One node

    private func dispatchNearest(_ request: ActiveRequest) {
        let now = NIODeadline.now()
        let link = links.first { $0.isPromising(at: now) } ?? links[0]
        link.waiting.append(request)
        serve(link)
    }

    /// Sends what waits for this node alone.
    func serve(_ link: NodeLink) {
        while let request = link.waiting.first {
            if request.isFinished {
                link.waiting.removeFirst()
            } else if let connection = link.connectionWithRoom() {
                link.waiting.removeFirst()
                connection.send(request)
            } else {
                break
            }
        }
        guard !link.waiting.isEmpty else { return }
        if link.failureCount == 0 || link.hasConnection {
            open(link)
        } else {
            openLater(link)
        }
    }

    /// Opens a link that has failed, after a while; once, however many ask for it meanwhile.
    private func openLater(_ link: NodeLink) {
        guard !link.isOpeningLater, link.openingCount == 0 else { return }
        link.isOpeningLater = true
        let delay = jitter(.milliseconds(min(500, 20 << min(link.failureCount, 5))))
        loop.assumeIsolated().scheduleTask(in: delay) {
            link.isOpeningLater = false
            if !link.waiting.isEmpty { self.open(link) }
        }
    }

    /// The link to an endpoint, made if need be; nil if there are too many.
    func link(to endpoint: Endpoint) -> NodeLink? {
        if let link = links.first(where: { $0.endpoint == endpoint }) { return link }
        guard links.count < ClientLimits.maximumEndpoints else { return nil }
        let link = NodeLink(endpoint)
        links.append(link)
        return link
    }

    // MARK: - Connections

    /// Opens what is missing of the link's connections.
    func open(_ link: NodeLink) {
        guard !isClosed else { return }
        let wanted = link === target ? configuration.connectionCount : 1
        while link.connections.count + link.openingCount < wanted {
            // While some are well, one that failed is not tried again and again.
            if link.hasConnection, let failure = link.lastFailureTime,
                NIODeadline.now() - failure < .milliseconds(100)
            {
                return
            }
            link.beganOpening()
            connector.connect(to: link.endpoint, router: self, link: link)
        }
    }

    /// A connection is up and both sides have greeted.
    func opened(_ connection: RequestConnection, on link: NodeLink) {
        link.opened(connection)
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

    /// A connection that was up is gone, with these requests on it.
    func lost(
        _ connection: RequestConnection,
        on link: NodeLink,
        _ failure: ConnectionFailure,
        unanswered: [ActiveRequest]
    ) {
        link.lost(connection, failure, at: .now())
        for request in unanswered {
            // It may have happened: nobody can say any more but a retry with the same identity.
            request.isUnresolved = true
            request.lastObstacle = Refused(.unreachable, detail: failure.detail)
        }
        if !isClosed, !link.hasConnection { reroute(link) }
        // Oldest first, as they were.
        for request in unanswered.sorted(by: { $0.id < $1.id }) { dispatch(request) }
    }

    /// A connection will take no more requests, since its node is stopping.
    func draining(_ connection: RequestConnection, on link: NodeLink) {
        let failure = ConnectionFailure(isPermanent: false, detail: "\(link.endpoint) is stopping")
        link.lost(connection, failure, at: .now())
        if !isClosed, !link.hasConnection { reroute(link) }
    }

    /// The link has no connection left: what waits for it goes elsewhere or waits on.
    private func reroute(_ link: NodeLink) {
        if link === target {
            note(link, on: leaderQueue)
            targetFailed(link)
            serveLeaderQueue()
        }
        guard !link.waiting.isEmpty else { return }
        note(link, on: link.waiting)
        let waiting = link.waiting
        link.waiting.removeAll()
        let isPermanent = link.lastFailure?.isPermanent == true
        for request in waiting where !request.isFinished {
            switch request.submission.route {
            case .node where isPermanent:
                let detail = link.lastFailure?.detail ?? ""
                finish(request, .refused(Refused(.connectionRefused, detail: detail)))
            case .nearest where links.contains { $0.isPromising(at: .now()) }:
                dispatchNearest(request)
            case .leader, .nearest, .node:
                link.waiting.append(request)
            }
        }
        if !link.waiting.isEmpty { openLater(link) }
    }

    private func note(_ link: NodeLink, on waiting: CircularBuffer<ActiveRequest>) {
        guard let failure = link.lastFailure else { return }
        for request in waiting {
            request.lastObstacle = Refused(.unreachable, detail: failure.detail)
        }
    }

    /// Why every node known has failed for good; nil if one has not.
    private func permanentFailure() -> String? {
        let failures = links.compactMap { link in
            link.hasConnection ? nil : link.lastFailure
        }
        guard failures.count == links.count, failures.allSatisfy(\.isPermanent) else { return nil }
        return failures[0].detail
    }

    private func failAll(_ refused: Refused) {
        let waiting = leaderQueue
        leaderQueue.removeAll()
        for request in waiting where !request.isFinished { refuseOrDoubt(request, refused) }
    }
}
