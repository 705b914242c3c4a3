/// Rare paths, counted: what the seeds never reach they do not test.
package struct Reach: Hashable, Sendable {
    /// A path that is worth reaching.
    package enum Mark: Int, Hashable, Sendable, CaseIterable {
        // The end of processes, and what they find again.
        case crashInsideTurn, killInsideTurn, processKilled, shutDown, stoppedByDisk
        case crashDuringRecovery, killDuringRecovery, faultDuringRecovery
        case wholeClusterCrash, tornPowerCut, crashAfterKill, pausedLeader
        case recoveredWithCutTail, recoveredUnsyncedTail, recoveredAfterKill
        // Disks.
        case failedSync, failedWrite, failedRead, failedOpen, failedRename, failedDirectorySync
        case failedOtherCall
        case survivedDiskFault, fullDisk, refusedDiskFull, slowDiskOfLeader
        case stateReapplied
        case journalDamagedWhileUp, damageFoundWhileUp, damageFoundByScrub
        case journalDamaged, journalMended, mendingInterrupted, stateRebuilt
        case peerCaughtUpFromJournal, appliedFromJournal
        // Snapshots.
        case snapshotBuilt, snapshotNotBuilt, snapshotOffered, snapshotStaged, snapshotInstalled
        case snapshotDeclined, installFinishedAtStart, compacted
        // Members.
        case memberAdded, promoted, demoted, memberRemoved, memberReplaced, rejoined
        case memberWiped, leaderWiped, oldDiskPutBack, leaderRemoved, jointConfigurationCommitted
        case leaderLostWhileJoint, snapshotToJoiner, policySet
        case promotionRefused, quorumKept, changeRefusedMeanwhile, memberChangeUnknown
        case strangerHeardAsLeader, strangerRefused, strangersLeftInPeace
        // Elections and the log.
        case reElection, leadershipTransferred, leaderCrashWithBlocksInFlight
        case truncatedConflictingTail, supersededAndRefused, servedBesideFaultyMinority
        case calledUnknown, leaderPreferred, singleVoter, fiveVoters
        // The witness.
        case witnessAmongVoters, witnessLed, witnessForgot, witnessBeganAnew
        // Links and clocks.
        case bridge, ring, swizzle, clog
        case partition, oneWayPartition, isolatedLeader, connectionRefused, connectionMadeAgain
        case clockJumped
        // Clients.
        case duplicateInLog, unknownOutcome, abandonedAndApplied, abandonedAndAbsent
        case refusedNotLeader, refusedOverloaded, refusedDeadlinePassed
        case readAnswered, readAnsweredByFollower, digestAnswered
        case blockOfSeveralCommands, largeBody, sessionRenewed
        case conditionFailed, quotaExceeded, tenantSuspended, notPermitted, requestReused
        case sequenceOutOfOrder, sessionExpired, bucketGone, bucketNotEmpty, tenantNotEmpty
        case bucketOfAnotherTenant, tooManyBuckets, nextPageAsked, slotOutOfRange
        case batchMade, batchRefused

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
