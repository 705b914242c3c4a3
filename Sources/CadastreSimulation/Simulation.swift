package import CadastreHistory
internal import RaftCore

/// Runs worlds from seeds.
package enum Simulation {
    /// What a world that kept all promises came to.
    package struct Outcome: Hashable, Sendable {
        /// Which one.
        package var seed: UInt64
        /// How long it lived, in virtual nanoseconds.
        package var virtualTime: UInt64
        /// How long faults went on of that.
        package var faultTime: UInt64
        /// Answers that clients got while faults went on, each checked.
        package var operations: Int
        /// Answers that were checked in all phases.
        package var checked: Int
        /// Faults that happened.
        package var faults: Int
        /// Entries that were committed.
        package var entries: UInt64
        /// Everything that happened, in one number: equal in every run of the seed.
        package var trace: UInt64
        /// Rare paths that were taken.
        package var reach: Reach
    }

    /// Lines of story that a violation carries.
    private static let storySize = 200

    /// Lives one world.
    ///
    /// - Parameters:
    ///   - seed: Decides everything.
    ///   - sabotage: A bug to plant, to see that it is found.
    ///   - isBeyond: More is lost than can be survived; only safety is demanded.
    ///   - faults: What of all that is done to it.
    ///   - history: Gets the clients' operations as they end, and in the end those that did not; of
    ///     a world that broke a promise up to then, with the answer that broke it.
    ///   - print: Gets the story line by line as it happens.
    /// - Returns: What it came to.
    /// - Throws: The first violation, with its story.
    package static func run(
        seed: UInt64,
        sabotage: Sabotage? = nil,
        isBeyond: Bool = false,
        faults: FaultChoice = .all,
        history: ((Operation) -> Void)? = nil,
        print: ((String) -> Void)? = nil
    ) throws(Violation) -> Outcome {
        var history = history.map { ClientHistory($0) }
        if let print {
            return try live(
                seed,
                sabotage,
                isBeyond,
                faults,
                history,
                Story(capacity: storySize, print: print)
            )
        }
        return try confirmed { story throws(Violation) in
            // A second life tells nothing new.
            let first = history
            history = nil
            return try live(seed, sabotage, isBeyond, faults, first, story)
        }
    }

    /// Lives a world without a story and, if it breaks a promise, once more with one.
    ///
    /// - Throws: The first violation, whatever the second life came to: a seed that does not show
    ///   the same twice is one more bug, and no excuse for the first.
    static func confirmed(
        _ live: (Story) throws(Violation) -> Outcome
    ) throws(Violation) -> Outcome {
        var first: Violation
        do throws(Violation) {
            return try live(Story(capacity: nil))
        } catch {
            first = error
        }
        do throws(Violation) {
            _ = try live(Story(capacity: storySize))
            first.what += "; not reproducible: the same seed then kept all promises"
        } catch {
            first.story = error.story
            if error.rule != first.rule || error.what != first.what {
                first.what +=
                    "; not reproducible: then it was \(error.rule.rawValue): \(error.what)"
            }
        }
        throw first
    }

    private static func live(
        _ seed: UInt64,
        _ sabotage: Sabotage?,
        _ isBeyond: Bool,
        _ faults: FaultChoice,
        _ history: ClientHistory?,
        _ story: Story
    ) throws(Violation) -> Outcome {
        let world = World(seed: seed, sabotage: sabotage, isBeyond: isBeyond, story: story)
        world.faultChoice = faults
        world.history = history
        defer { history?.finish() }
        try world.run()
        return Outcome(
            seed: seed,
            virtualTime: world.now,
            faultTime: world.scenario.faultTime,
            operations: world.operationsUnderFaults,
            checked: world.ledger.answered,
            faults: world.faultCount,
            entries: world.committed.last.value,
            trace: world.trace,
            reach: world.reach
        )
    }
}
