#include "authz/store/database.h"

namespace gerve {
namespace {

std::string savepoint(std::string_view verb, unsigned depth) {
    return std::string(verb) + " gerve_" + std::to_string(depth);
}

}  // namespace

Result<Transaction> Transaction::begin(Database& database) {
    const unsigned outer = database.open_transactions_;
    if (outer == 0) database.is_lost_ = false;
    if (auto begun = outer == 0 ? database.begin() : database.run_script(savepoint("SAVEPOINT", outer));
        !begun)
        return pass_on(begun);
    ++database.open_transactions_;
    return Transaction(database);
}

Result<void> Transaction::commit() {
    Database& database = *std::exchange(database_, nullptr);
    const unsigned outer = --database.open_transactions_;
    if (outer > 0) return database.run_script(savepoint("RELEASE SAVEPOINT", outer));
    if (!database.is_lost_) return database.commit();
    database.rollback();
    return unavailable("the transaction was lost in the middle: nothing was changed");
}

Transaction::~Transaction() {
    if (database_ == nullptr) return;
    const unsigned outer = --database_->open_transactions_;
    if (outer == 0) {
        database_->rollback();
        return;
    }
    const auto undone = database_->run_script(savepoint("ROLLBACK TO SAVEPOINT", outer));
    const auto gone = database_->run_script(savepoint("RELEASE SAVEPOINT", outer));
    if (!undone || !gone) database_->is_lost_ = true;
}

}  // namespace gerve
