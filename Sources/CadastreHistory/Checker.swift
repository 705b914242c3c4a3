/// Says whether a history is linearizable.
///
/// It says yes or no only where it has proved it: the search is complete, and bounded by a number of
/// steps, behind which it says that it does not know.
package struct Checker {
    /// What a history is.
    package enum Judgement: String, Hashable, Sendable {
        /// There is an order that agrees with real time, with the answers, and with the rules.
        case linearizable
        /// There is none.
        case notLinearizable = "not linearizable"
        /// The steps did not suffice to find out.
        case undecided
    }

    /// A judgement with its reasons.
    package struct Verdict: Hashable, Sendable {
        /// What the history is.
        package var judgement: Judgement
        /// Where it is not linearizable or undecided: why, in lines for people.
        package var witness: [String] = []
        /// Operations judged, without what was refused for a reason of its own.
        package var operations: Int
        /// Of those, operations of which nobody knew whether they happened.
        package var unknown: Int
        /// Parts that were judged by themselves.
        package var parts: Int
        /// Steps of search.
        package var steps: UInt64 = 0
    }

    /// Enough for millions of operations that carry their order, and some minutes.
    package static let defaultSteps: UInt64 = 100_000_000
    /// What stood around the operation that cannot be placed.
    private static let witnessSize = 8

    private let steps: UInt64
    private let goOn: (UInt64) -> Bool

    /// A checker.
    ///
    /// - Parameters:
    ///   - steps: How many steps it may take at most.
    ///   - goOn: Is asked now and then, with the steps taken, whether to go on.
    package init(
        steps: UInt64 = Checker.defaultSteps,
        goOn: @escaping (UInt64) -> Bool = { _ in true }
    ) {
        self.steps = steps
        self.goOn = goOn
    }

    /// Judges a history; its operations may stand in any order.
    package func check(_ history: [Operation]) -> Verdict {
        let operations = Self.resolved(Self.ordered(history))
        let parts = Partition.all(of: operations)
        let judged = operations.filter { !$0.isGiven && $0.isJudged }
        var verdict = Verdict(
            judgement: .linearizable,
            operations: judged.count,
            unknown: judged.count(where: \.isUnknown),
            parts: parts.count
        )
        if let contradiction = Certificate.contradiction(in: judged) {
            verdict.judgement = .notLinearizable
            verdict.witness = [
                "the answers contradict real time:",
                "  \(contradiction.earlier.words)",
                "was over when this began, or claims the same:",
                "  \(contradiction.later.words)",
                "but \(contradiction.reason)",
            ]
            return verdict
        }
        var left = steps
        for part in parts {
            // One part that is not decided leaves the others half of what there is.
            var budget = Budget(steps: left - left / 2, after: steps - left, goOn: goOn)
            let result = Self.search(part, &budget)
            left -= min(left, budget.used)
            switch result {
            case .found: continue
            case .undecided:
                verdict.judgement = .undecided
                verdict.witness.append(
                    "\(part.name) with \(part.operations.count) operations is undecided after "
                        + "\(budget.used) steps"
                )
            case .none(let obstacle):
                verdict.judgement = .notLinearizable
                verdict.witness = Self.witness(part, obstacle, &budget)
            }
            verdict.steps = steps - left
            if verdict.judgement == .notLinearizable { return verdict }
        }
        verdict.steps = steps - left
        return verdict
    }

    /// In the order of calls; those of one time in the order in which they stand.
    private static func ordered(_ history: [Operation]) -> [Operation] {
        history.indices
            .sorted { (history[$0].callNanoseconds, $0) < (history[$1].callNanoseconds, $1) }
            .map { history[$0] }
    }

    /// Gives each put of which nobody knew whether it happened its place in the order, if its object
    /// was seen later: its entity tag must be one that nothing else has put at that key.
    static func resolved(_ history: [Operation]) -> [Operation] {
        struct Version: Hashable {
            var tenant: String
            var place: Place
            var etag: String
        }
        var puts: [Version: Int] = [:]
        for operation in history {
            switch (operation.action, operation.outcome) {
            case (.put(let place, let etag, _, _), _):
                puts[Version(tenant: operation.tenant, place: place, etag: etag), default: 0] += 1
            case (.given(let bucket, let key?), .done(.object(let object))):
                let place = Place(bucket, key)
                let version = Version(tenant: operation.tenant, place: place, etag: object.etag)
                puts[version, default: 0] += 1
            case (_, _): break
            }
        }
        var seen: [Version: UInt64] = [:]
        func see(_ object: Object, _ place: Place, _ tenant: String) {
            guard let sequence = object.sequence else { return }
            let version = Version(tenant: tenant, place: place, etag: object.etag)
            // Whoever says another one later is judged by the first.
            if seen[version] == nil { seen[version] = sequence }
        }
        for operation in history {
            switch (operation.action, operation.outcome) {
            case (.get(let place), .done(.object(let object))):
                see(object, place, operation.tenant)
            case (.list(let bucket, _, _, _), .done(.page(let items, _))):
                for item in items { see(item.object, Place(bucket, item.key), operation.tenant) }
            case (_, _): break
            }
        }
        return history.map { operation in
            guard case .put(let place, let etag, _, _) = operation.action, operation.isUnknown,
                operation.sequence == nil
            else { return operation }
            let version = Version(tenant: operation.tenant, place: place, etag: etag)
            guard puts[version] == 1, let sequence = seen[version] else { return operation }
            var resolved = operation
            resolved.sequence = sequence
            return resolved
        }
    }

    private static func search(
        _ part: Partition,
        _ budget: inout Budget
    ) -> Search<ObjectModel>.Result {
        let operations = part.operations.filter { !$0.isGiven }
        guard part.isOfRegisters else {
            let model = ObjectModel(before: part.operations)
            var search = Search(operations, model)
            return search.run(&budget)
        }
        var search = Search(operations, RegisterModel())
        switch search.run(&budget) {
        case .found: return .found
        case .undecided: return .undecided
        case .none(let obstacle):
            return .none(
                Search<ObjectModel>.Obstacle(
                    operation: obstacle.operation,
                    time: obstacle.time,
                    reason: obstacle.reason
                )
            )
        }
    }

    // MARK: The witness

    /// Makes the part as short as it can be, and tells of its end.
    private static func witness(
        _ part: Partition,
        _ obstacle: Search<ObjectModel>.Obstacle,
        _ budget: inout Budget
    ) -> [String] {
        let (prefix, obstacle) = shortest(part, obstacle, &budget)
        let operations = prefix.operations.filter { !$0.isGiven }
        let culprit = operations[obstacle.operation]
        var lines = [
            "\(part.name): \(culprit.words)",
            "can be placed nowhere: in every order of what came before it that agrees with real "
                + "time and the other answers, it does not fit"
                + (obstacle.reason.isEmpty ? "" : "; \(obstacle.reason)"),
            "the shortest beginning of the history that shows it ends with that answer: "
                + "\(operations.count) of \(part.operations.count(where: { !$0.isGiven })) "
                + "operations; the last of them that matter:",
        ]
        let model = ObjectModel(before: [])
        let around = operations.indices.filter { number in
            number != obstacle.operation
                && (part.isOfRegisters || model.touches(culprit, operations[number]))
        }
        for number in around.suffix(witnessSize) { lines.append("  \(operations[number].words)") }
        return lines
    }

    /// The shortest beginning of a part that has no order.
    ///
    /// What was on its way at its end is unknown there. Beginnings that are shorter than where the
    /// search got stuck have an order; longer ones than one without an order have none.
    private static func shortest(
        _ part: Partition,
        _ obstacle: Search<ObjectModel>.Obstacle,
        _ budget: inout Budget
    ) -> (Partition, Search<ObjectModel>.Obstacle) {
        let ends = part.operations.compactMap { $0.isUnknown ? nil : $0.returnNanoseconds }
            .filter { $0 >= obstacle.time }.sorted()
        var range = 0..<ends.count
        var best = (part, obstacle)
        var isFirst = true
        while !range.isEmpty {
            // Nearly always the first is the one.
            let middle =
                isFirst ? range.lowerBound : range.lowerBound + range.count / 2
            isFirst = false
            let prefix = part.through(ends[middle])
            switch search(prefix, &budget) {
            case .none(let obstacle):
                best = (prefix, obstacle)
                range = range.lowerBound..<middle
            case .found: range = middle + 1..<range.upperBound
            case .undecided: return best
            }
        }
        return best
    }
}

extension Partition {
    /// What had been called by then, as it was known then.
    fileprivate func through(_ time: UInt64) -> Partition {
        var prefix = self
        prefix.operations = operations.compactMap { operation in
            guard !operation.isGiven else { return operation }
            guard operation.callNanoseconds <= time else { return nil }
            guard operation.returnNanoseconds ?? .max > time else { return operation }
            guard !operation.isQuestion else { return nil }
            // Nothing that was only said later.
            var open = operation
            (open.outcome, open.returnNanoseconds) = (.unknown, nil)
            (open.index, open.sequence) = (nil, nil)
            return open
        }
        prefix.operations = Checker.resolved(prefix.operations)
        return prefix
    }
}

extension Operation {
    /// Whether it only says what was there before.
    var isGiven: Bool { if case .given = action { true } else { false } }
}
