internal import CadastreClient

/// Asks every node for its digest at one index, all at once, and watches them meanwhile.
struct DigestRound: Sendable {
    /// What the nodes answered.
    struct Result: Sendable {
        var nodes: [VerifyVerb.Node] = []
        /// Nodes that gave no digest, and why.
        var missing: [String] = []
        /// A node stands before the index and goes no further.
        var isShort = false
        /// The highest index that such a node was seen at.
        var farthest: UInt64 = 0
    }

    private enum Answer: Sendable {
        case digest(StateDigest)
        case missing(String)
        /// It has applied this much, and no more for a while.
        case stands(at: UInt64)
        /// The watch was called off.
        case none
    }

    let client: CadastreClient
    let meeting: Meeting
    let progress: Progress

    /// How long a node may stand still before the index until it is not waited for any more.
    private static let patience = Duration.seconds(3)
    /// How long a node may say nothing about itself until it counts as gone.
    private static let silence = Duration.seconds(10)
    private static let interval = Duration.milliseconds(250)

    /// Asks all of them.
    func run(_ reports: [NodeReport], countsProgress: Bool) async -> Result {
        let answers = await withTaskGroup(of: (NodeReport, Answer).self) { group in
            for report in reports {
                group.addTask {
                    let answer = await ask(report)
                    if countsProgress { progress.add(report.status?.objects ?? 0) }
                    return (report, answer)
                }
            }
            var answers: [(NodeReport, Answer)] = []
            for await answer in group { answers.append(answer) }
            return answers
        }
        var result = Result()
        for (report, answer) in answers { add(report, answer, to: &result) }
        result.nodes.sort { $0.node < $1.node }
        return result
    }

    private func add(_ report: NodeReport, _ answer: Answer, to result: inout Result) {
        switch answer {
        case .digest(let digest):
            result.nodes.append(
                VerifyVerb.Node(
                    node: report.node ?? 0,
                    endpoint: "\(report.endpoint)",
                    applied_index: digest.appliedIndex,
                    kept: Hexadecimal.encode(digest.kept),
                    computed: Hexadecimal.encode(digest.computed),
                    rows: digest.rows
                )
            )
        case .stands(let index) where meeting.margin > 0:
            result.isShort = true
            result.farthest = max(result.farthest, index)
        case .stands(let index):
            // The others are there already: this one does not follow.
            result.missing.append(
                "\(report.endpoint) has applied \(index) of \(meeting.index) and no more"
            )
        case .missing(let reason): result.missing.append("\(report.endpoint) \(reason)")
        case .none: result.missing.append("\(report.endpoint) was not asked to the end")
        }
    }

    /// The first of the digest itself and what the watch finds.
    private func ask(_ report: NodeReport) async -> Answer {
        await withTaskGroup(of: Answer.self) { group in
            group.addTask { await digest(report.endpoint) }
            group.addTask { await watch(report.endpoint) }
            var first = Answer.none
            for await answer in group {
                if case .none = first { first = answer }
                group.cancelAll()
            }
            return first
        }
    }

    private func digest(_ endpoint: Endpoint) async -> Answer {
        let request = ComputeDigest(atLeast: meeting.index)
        switch await client.administer(request, at: endpoint) {
        case .done(let digest): return .digest(digest)
        case .refused(let refused): return .missing(Escaped.text(refused.description))
        case .unknown(let reason): return .missing(Escaped.text(reason))
        }
    }

    /// Looks at a node until it cannot be expected to answer.
    private func watch(_ endpoint: Endpoint) async -> Answer {
        var applied: UInt64?
        var moved = ContinuousClock.now
        var heard = ContinuousClock.now
        while !Task.isCancelled {
            let outcome = await client.administer(GetStatus(), at: endpoint, deadline: .seconds(2))
            let now = ContinuousClock.now
            if let status = outcome.value {
                heard = now
                if status.appliedIndex != applied { (applied, moved) = (status.appliedIndex, now) }
                // A node that is there computes, and has all the time it needs.
                if status.appliedIndex >= meeting.index { moved = now }
            }
            if now - heard > Self.silence { return .missing("has said nothing for 10 s") }
            if let applied, now - moved > Self.patience { return .stands(at: applied) }
            // The line that shows progress goes on counting seconds.
            progress.add(0)
            do {
                try await Task.sleep(for: Self.interval)
            } catch {
                return .none
            }
        }
        return .none
    }
}
