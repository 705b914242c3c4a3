/// Rare paths, counted: what the seeds never reach they do not test.
package struct Reach: Hashable, Sendable {
    /// A path that is worth reaching.
    package enum Mark: Int, Hashable, Sendable, CaseIterable {
        case truncatedConflictingTail, recoveredWithCutTail, recoveredUnsyncedTail
        case reElection, leaderCrashWithBlocksInFlight, crashInsideTurn, crashDuringRecovery
        case failedSync, failedWrite, fullDisk, refusedDiskFull, stoppedByFullDisk
        case wholeClusterCrash, pausedLeader
        case peerCaughtUpFromJournal, appliedFromJournal, stateReapplied
        case duplicateInLog, duplicateAnswered, refusedNotLeader, refusedOverloaded
        case refusedByState, unknownOutcome, abandonedAndApplied, abandonedAndAbsent
        case leadershipTransferred, partition, oneWayPartition, isolatedLeader, readAnswered
        case blockOfSeveralCommands, connectionRefused

        /// The words for the table.
        package var name: String {
            var name = ""
            for character in "\(self)" {
                if character.isUppercase {
                    name += " " + character.lowercased()
                } else {
                    name.append(character)
                }
            }
            return name
        }
    }

    private var counts = [Int](repeating: 0, count: Mark.allCases.count)

    /// Nothing reached yet.
    package init() {}

    /// The path was taken.
    package mutating func mark(_ mark: Mark) { counts[mark.rawValue] += 1 }

    /// How often it was.
    package subscript(mark: Mark) -> Int { counts[mark.rawValue] }

    /// Adds what another run reached.
    package mutating func add(_ other: Reach) {
        for place in counts.indices { counts[place] += other.counts[place] }
    }

    /// The paths that were never taken.
    package var missing: [Mark] { Mark.allCases.filter { self[$0] == 0 } }
}
