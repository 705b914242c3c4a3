internal import CadastreProtocol

/// What a recomputation of the digest found.
package struct VerifiedRows: Hashable, Sendable {
    /// The digest of the rows as they are, less the one kept while applying: zero unless a row is
    /// not what was applied.
    package var difference: StateDigest
    /// Rows that were read, or changed while others were.
    package var rows: UInt64
    /// What is wrong with which row, for people; the first that was found.
    ///
    /// May be nil although there is a difference: a row can have rotted into another one.
    package var damage: String?
}

/// Recomputing the digest from the rows themselves, in slices, while entries are applied.
extension StateMachine {
    /// Whether one is under way: a failure of SQLite ends it without a result.
    package var isVerifying: Bool { rows.verification != nil }

    /// Begins anew.
    ///
    /// Cost: reads all rows but objects, in one go; those beside objects are few.
    ///
    /// - Throws: as `apply`.
    package func beginVerification() throws(StateMachineError) {
        try checkLatch()
        do {
            try rows.settle()
            try rows.beginVerification()
        } catch {
            throw recover(from: error)
        }
    }

    /// Goes on: at most this many objects, each with its body.
    ///
    /// - Returns: What was found, once all was read.
    /// - Throws: as `apply`. A row that is not what was applied is found, not thrown; pages that
    ///   SQLite cannot follow are `damaged`.
    package func continueVerification(
        maximumRows: Int
    ) throws(StateMachineError) -> VerifiedRows? {
        try checkLatch()
        do {
            try rows.continueVerification(maximumRows: maximumRows)
        } catch {
            throw recover(from: error)
        }
        guard let verification = rows.verification, case .done = verification.stage else {
            return nil
        }
        rows.verification = nil
        var difference = verification.sum
        difference -= rows.rowsDigest
        // The system's row is one more: it is kept in memory and not read again.
        return VerifiedRows(
            difference: difference,
            rows: verification.rows &+ 1,
            damage: verification.damage
        )
    }

    /// Gives up the one that is under way, if there is one.
    package func endVerification() { rows.verification = nil }

    /// Recomputes the digest in one go.
    ///
    /// Takes about a second per million objects, in which nothing else is done.
    ///
    /// - Returns: the digest, and how many rows it covers.
    /// - Throws: as ``continueVerification(maximumRows:)``.
    package func recomputeDigest() throws(StateMachineError) -> (digest: StateDigest, rows: UInt64)
    {
        try beginVerification()
        while true {
            guard let found = try continueVerification(maximumRows: 8_192) else { continue }
            var digest = self.digest
            digest += found.difference
            return (digest, found.rows)
        }
    }
}
