/// What is still to happen, by virtual time; what is due at the same time in the order in which it
/// was planned, so that one seed is one history.
struct EventQueue<Event> {
    private struct Item {
        var time: UInt64
        var order: UInt64
        /// Where its event lies.
        var slot: Int

        func isBefore(_ other: Item) -> Bool {
            time < other.time || (time == other.time && order < other.order)
        }
    }

    /// A binary heap, the next one first; the events lie still while it moves.
    private var items: [Item] = []
    private var events: [Event?] = []
    private var freeSlots: [Int] = []
    private var lastOrder: UInt64 = 0

    /// How much is planned.
    var count: Int { items.count }

    /// Plans an event.
    ///
    /// Cost: O(log n).
    mutating func add(_ event: Event, at time: UInt64) {
        lastOrder += 1
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            events[slot] = event
        } else {
            slot = events.count
            events.append(event)
        }
        items.append(Item(time: time, order: lastOrder, slot: slot))
        var place = items.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard items[place].isBefore(items[parent]) else { break }
            items.swapAt(place, parent)
            place = parent
        }
    }

    /// Takes what is next.
    ///
    /// Cost: O(log n).
    mutating func next() -> (time: UInt64, event: Event)? {
        guard let first = items.first, let last = items.popLast() else { return nil }
        if !items.isEmpty {
            items[0] = last
            sink()
        }
        guard let event = events[first.slot] else {
            preconditionFailure("event \(first.order) is planned and was taken before")
        }
        events[first.slot] = nil
        freeSlots.append(first.slot)
        return (first.time, event)
    }

    private mutating func sink() {
        var place = 0
        while true {
            var smallest = place
            let left = 2 * place + 1
            if left < items.count, items[left].isBefore(items[smallest]) { smallest = left }
            if left + 1 < items.count, items[left + 1].isBefore(items[smallest]) {
                smallest = left + 1
            }
            guard smallest != place else { return }
            items.swapAt(place, smallest)
            place = smallest
        }
    }
}
