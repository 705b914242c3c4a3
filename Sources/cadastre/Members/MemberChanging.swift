internal import CadastreClient

/// Makes changes of members one after another: each waits for the one before, and is asked for again
/// until somebody says what became of it.
actor MemberChanging {
    nonisolated let client: CadastreClient
    private let isDryRun: Bool
    private let end: ContinuousClock.Instant
    private let deadline: Duration
    private let isSilent: Bool
    /// What was done, or would be.
    private(set) var report: MemberReport

    /// Begins; nothing is asked yet.
    ///
    /// - Parameters:
    ///   - client: For the administration listeners.
    ///   - isDryRun: Nothing is changed.
    ///   - patience: For all changes together.
    ///   - deadline: For one request.
    ///   - isSilent: No progress is shown.
    init(
        _ client: CadastreClient,
        isDryRun: Bool,
        patience: Duration,
        deadline: Duration,
        isSilent: Bool
    ) {
        self.client = client
        self.isDryRun = isDryRun
        end = ContinuousClock.now + patience
        self.deadline = deadline
        self.isSilent = isSilent
        report = MemberReport(isDryRun: isDryRun)
    }

    /// Makes one change.
    ///
    /// - Throws: `Failure` if it is refused, or nobody says in time what became of it.
    func make(_ change: MemberChange, _ what: String) async throws(Failure) {
        var foreseen: MemberPlan?
        var isDoubtful = false
        while true {
            let outcome = await client.administer(
                ChangeMembers(change, isDryRun: isDryRun),
                deadline: deadline
            )
            switch outcome {
            case .done(let plan):
                report.add(isDoubtful ? foreseen ?? plan : plan)
                return
            case .unknown(let reason):
                guard ContinuousClock.now < end else { throw Failure(unknown: reason, doing: what) }
                isDoubtful = true
            case .refused(let refused):
                // It happened before, though nobody could say so.
                if isDoubtful, refused.reason == .noSuchMember, case .remove = change {
                    report.add(foreseen)
                    return
                }
                guard refused.reason == .membersChanging, !isDryRun, ContinuousClock.now < end
                else {
                    throw Failure(refused, doing: what)
                }
            }
            if foreseen == nil {
                foreseen = await client.administer(
                    ChangeMembers(change, isDryRun: true),
                    deadline: deadline
                ).value
            }
            try await pause()
        }
    }

    /// Gives a learner a vote once it has caught up.
    func promote(_ node: UInt64) async throws(Failure) {
        try await whenCaughtUp(.promote(node), of: node, "promoting node \(node)")
    }

    /// Takes a node in, and lets it take the place of another once it has caught up.
    func replace(_ node: UInt64, by new: Member) async throws(Failure) {
        let what = "replacing node \(node) by node \(new.node)"
        let members = try await client.administer(GetMembers(), deadline: deadline)
            .get(doing: what).members
        guard members.contains(where: { $0.node == node || $0.node == new.node }) else {
            throw Failure(
                .missingInput,
                "there is no member \(node)",
                advice: "cadastre member list shows the members"
            )
        }
        try await make(.add(new), "taking node \(new.node) in")
        try await whenCaughtUp(.replace(node, by: new.node), of: new.node, what)
    }

    /// Removes a witness and takes another one in: a cluster has one at most, and a new disk must not
    /// vote for the old one.
    func replaceWitness(_ node: UInt64, by new: Member) async throws(Failure) {
        let members = try await client.administer(GetMembers(), deadline: deadline)
            .get(doing: "replacing the witness").members
        if let old = members.first(where: { $0.node == node }), old.incarnation != new.incarnation {
            guard old.role == "witness" else {
                throw Failure(
                    .badData,
                    "node \(node) is no witness, and node \(new.node) was founded as one",
                    advice: "found a full node in its place: cadastred init --join"
                )
            }
            try await make(.remove(node), "removing node \(node)")
            if isDryRun, report.foresee(.add(new)) { return }
        }
        try await make(.add(new), "taking node \(new.node) in")
    }

    /// Makes a change that gives a node a vote, and shows how it catches up until it may have one.
    private func whenCaughtUp(
        _ change: MemberChange,
        of node: UInt64,
        _ what: String
    ) async throws(Failure) {
        if isDryRun, report.foresee(change) { return }
        var progress: Progress?
        var first: UInt64 = 0
        var shown: UInt64 = 0
        var missing: UInt64?
        while true {
            do throws(Failure) {
                try await make(change, what)
                progress?.finish()
                return
            } catch {
                guard error.reason == .notCaughtUp, !isDryRun else { throw error }
            }
            guard ContinuousClock.now < end else {
                let entries = missing.map { "\(Readable.count($0)) entries" } ?? "too many entries"
                throw Failure(
                    .tryAgain,
                    "node \(node) still lacks \(entries)",
                    advice: "call the same again: it goes on where it was"
                )
            }
            if let (match, last) = await standing(of: node) {
                if progress == nil {
                    first = match
                    progress = Progress("entries", isSilent: isSilent)
                }
                missing = last - min(match, last)
                progress?.setTotal(last - min(first, last))
                progress?.add(match - min(first + shown, match))
                shown = max(shown, match - min(first, match))
            }
            try await pause()
        }
    }

    /// How far the leader knows a node to be, and how far the log goes.
    private func standing(of node: UInt64) async -> (match: UInt64, last: UInt64)? {
        guard let status = await client.administer(GetStatus(), deadline: deadline).value,
            status.role == "leader", let peer = status.peers.first(where: { $0.node == node })
        else { return nil }
        return (peer.matchIndex, status.lastIndex)
    }

    private func pause() async throws(Failure) {
        do {
            try await Task.sleep(for: .milliseconds(100))
        } catch {
            throw Failure(.tryAgain, "waiting was interrupted", advice: "call the same again")
        }
    }
}
