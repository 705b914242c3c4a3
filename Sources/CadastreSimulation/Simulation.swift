internal import RaftCore

/// Runs worlds from seeds.
package enum Simulation {
    /// What a world that kept all promises came to.
    package struct Outcome: Hashable, Sendable {
        /// Which one.
        package var seed: UInt64
        /// How long it lived, in virtual nanoseconds.
        package var virtualTime: UInt64
        /// Requests that were answered to clients.
        package var operations: Int
        /// Entries that were committed.
        package var entries: UInt64
        /// Everything that happened, in one number: equal in every run of the seed.
        package var trace: UInt64
        /// Rare paths that were taken.
        package var reach: Reach
    }

    /// Lines of story that a violation carries.
    private static let storySize = 150

    /// Lives one world.
    ///
    /// - Parameters:
    ///   - seed: Decides everything.
    ///   - print: Gets the story line by line as it happens.
    /// - Returns: What it came to.
    /// - Throws: The first violation, with its story.
    package static func run(
        seed: UInt64,
        print: ((String) -> Void)? = nil
    ) throws(Violation) -> Outcome {
        if let print { return try live(seed, Story(capacity: storySize, print: print)) }
        do throws(Violation) {
            return try live(seed, Story(capacity: nil))
        } catch {
            // The same world again, this time with its story.
            return try live(seed, Story(capacity: storySize))
        }
    }

    private static func live(_ seed: UInt64, _ story: Story) throws(Violation) -> Outcome {
        let world = World(seed: seed, story: story)
        try world.run()
        return Outcome(
            seed: seed,
            virtualTime: world.now,
            operations: world.history.answered,
            entries: world.committed.last.value,
            trace: world.trace,
            reach: world.reach
        )
    }
}
