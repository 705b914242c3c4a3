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
                let connection = target.connectionToSend()
            {
                connection.send(request)
                // One of several was lost: the others serve meanwhile.
                if isIncomplete(target) { open(target) }
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
        while let request = leaderQueue.first, let connection = target.connectionToSend() {
            leaderQueue.removeFirst()
            connection.send(request)
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
            let refused = Refused(.connectionRefused, detail: detail)
            for request in leaderQueue.takeAll() { refuseOrDoubt(request, refused) }
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

    /// Why every node known has failed for good; nil if one has not.
    private func permanentFailure() -> String? {
        let failures = links.compactMap { link in
            link.hasConnection ? nil : link.lastFailure
        }
        guard failures.count == links.count, failures.allSatisfy(\.isPermanent) else { return nil }
        return failures[0].detail
    }

    // MARK: - One node

    private func dispatchNearest(_ request: ActiveRequest) {
        let now = NIODeadline.now()
        let nearest = links.first { $0.isPromising(at: now) } ?? links[0]
        var link = nearest
        // A node that has failed must first show that it is back; nobody waits for that who can be
        // served elsewhere.
        if !nearest.hasConnection, nearest.lastFailure != nil,
            let other = links.first(where: \.hasConnection)
        {
            open(nearest)
            link = other
        }
        link.waiting.append(request)
        serve(link)
    }

    /// Sends what waits for this node alone.
    func serve(_ link: NodeLink) {
        while let request = link.waiting.first, let connection = link.connectionToSend() {
            link.waiting.removeFirst()
            connection.send(request)
        }
        guard !link.waiting.isEmpty else { return }
        if link.failureCount == 0 || link.hasConnection {
            open(link)
        } else {
            openLater(link)
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
}
